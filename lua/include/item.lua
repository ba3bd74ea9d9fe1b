-- Needs include stock, include units. The items of reserve_units: reading and checking them, judging them, taking their units.
local TAKEN, REPEATED, MISMATCH, SOLD_OUT, ALL_HELD = 1, 2, 3, 4, 5
local MEMBER_LIMIT, ENTRY_LIMIT, OUTBOX_FULL, INVALID, UNKNOWN_OFFER, NAME_TAKEN = 6, 7, 8, 9, 10, 11

local function read_items(first_key, first_arg)
  local items, k = {}, first_key
  for a = first_arg, #ARGV, 13 do
    local item = {
      offer = KEYS[k], units = KEYS[k + 1], members = KEYS[k + 2], entry_units = KEYS[k + 3],
      idempotency = KEYS[k + 4], member_orders = KEYS[k + 5], order = KEYS[k + 6],
      order_id = ARGV[a], member_id = ARGV[a + 2], quantity = whole(ARGV[a + 3], 1), names = names_of(ARGV[a + 4]),
      entry = ARGV[a + 7], key = ARGV[a + 8], body_hash = ARGV[a + 9], hold_ms = whole(ARGV[a + 10], 0),
      member_limit = whole(ARGV[a + 11], 0), entry_limit = whole(ARGV[a + 12], 0),
    }
    local count = #item.names > 0 and #item.names or tonumber(ARGV[a + 4])
    item.valid = item.quantity and item.quantity == count and whole(ARGV[a + 5], 0) and item.hold_ms and item.member_limit
      and item.entry_limit
    function item.record(now, hold_until)
      return {
        orderId = item.order_id, version = 1, state = item.hold_ms > 0 and 'RESERVED' or 'COMPLETED',
        offerId = ARGV[a + 1], memberId = item.member_id, units = ARGV[a + 4], quantity = ARGV[a + 3],
        amountMinor = ARGV[a + 5], currency = ARGV[a + 6], attempt = 0, entry = item.entry,
        idempotencyKey = item.key, bodyHash = item.body_hash,
        holdUntil = hold_until, createdAt = now, updatedAt = now,
      }
    end
    items[#items + 1], k = item, k + 7
  end
  return items
end

-- code, order id, capacity, held, sold; writes nothing.
local function judge(item, room)
  if not item.valid then return INVALID, item.order_id, 0, 0, 0 end
  local capacity, held, sold = read_units(item.offer)
  if not capacity then return UNKNOWN_OFFER, item.order_id, 0, 0, 0 end
  local function answer(code, order_id) return code, order_id or item.order_id, capacity, held, sold end

  if redis.call('EXISTS', item.order) == 1 then return answer(REPEATED) end
  local used = item.key ~= '' and redis.call('GET', item.idempotency)
  if used then
    local order_id, body_hash = string.match(used, '^(%S+) (%S*)$')
    return answer(body_hash == item.body_hash and REPEATED or MISMATCH, order_id)
  end
  if room <= 0 then return answer(OUTBOX_FULL) end
  local function over(limit, has) return limit > 0 and tonumber(has or 0) + item.quantity > limit end
  if over(item.member_limit, redis.call('HGET', item.members, item.member_id)) then return answer(MEMBER_LIMIT) end
  if item.entry ~= '' and over(item.entry_limit, redis.call('GET', item.entry_units)) then
    return answer(ENTRY_LIMIT)
  end
  local free = capacity - held - sold
  if item.quantity <= free then return answer(any_taken(item.units, item.names) and NAME_TAKEN or TAKEN) end
  if #item.names > 0 and free > 0 then return answer(NAME_TAKEN) end
  -- Held units may come back: worth waiting for, unless even all of them would not be enough.
  local waits = held > 0 and (free == 0 or item.quantity <= free + held)
  return answer(waits and ALL_HELD or SOLD_OUT)
end

-- Counts the units of a judged item; returns held and sold as they are now.
local function take(item, now, keep_ms, held, sold)
  local pool = item.hold_ms > 0 and 'held' or 'sold'
  redis.call('HINCRBY', item.offer, pool, item.quantity)
  give_names(item.units, item.names, item.order_id)
  redis.call('HINCRBY', item.members, item.member_id, item.quantity)
  if item.entry ~= '' then
    redis.call('INCRBY', item.entry_units, item.quantity)
    redis.call('PEXPIRE', item.entry_units, keep_ms)
  end
  if item.key ~= '' then
    redis.call('SET', item.idempotency, item.order_id .. ' ' .. item.body_hash, 'PX', keep_ms)
  end
  redis.call('ZADD', item.member_orders, now, item.order_id)
  -- Nobody is shown more; a caller that books for everybody orders without end.
  redis.call('ZREMRANGEBYRANK', item.member_orders, 0, -101)
  redis.call('PEXPIRE', item.member_orders, keep_ms)
  if pool == 'held' then return held + item.quantity, sold end
  return held, sold + item.quantity
end
