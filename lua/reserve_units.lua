--[[
reserve_units: takes units for a batch of new orders, each all or none, and answers each by itself.

Repeat-safe twice over: an order id that exists, or an idempotency key that was used with the same body, takes
nothing and answers `same` with the order that is there. Numbers are checked before the first write. An order's
hash, its hold, the counts of offer, member and entry, and its outbox entry are written here together.

KEYS
  1 epoch            string  the life of the data set
  2 holds            zset    order -> hold until, ms
  3 outbox           stream  one entry per transition
  + offer            hash    capacity, held, sold
  + units            hash    named unit -> order; not touched of a pool
  + members          hash    member -> units held and bought
  + entry_units      string  units of the entry; not touched without an entry
  + idempotency      string  order id and body hash; not touched without a key
  + member_orders    zset    order -> created at, ms; the newest 100
  + order            hash    the new order
ARGV
  1 epoch_id         text    the caller's epoch
  2 outbox_limit     count   entries in the outbox from which nothing more is sold
  3 keep_ms          ms      how long keys, entry counts and the member's list are kept
  + order_id         id      UUIDv7
  + offer_id         id
  + member_id        text
  + quantity         count   1 or more
  + units            text    the count again, or as many names in a comma list
  + amount_minor     count   price of the whole order
  + currency         text    ISO 4217
  + entry            text    jti, empty = none
  + idempotency_key  text    empty = none
  + body_hash        text
  + hold_ms          ms      how long units are held for payment; 0 = no payment step, sold at once
  + member_limit     count   most units of the member, 0 = any
  + entry_limit      count   most units of the entry, 0 = any
REPLY {0} not ready | {1, now ms, then per item: code, order id, hold until ms, capacity, held, sold}
  code: 1 taken; 2 same; 3 the key was used with another body; 4 sold out; 5 all held; 6 the member's limit; 7 the
  entry's limit; 8 the outbox is full; 9 a number is not one; 10 the offer was never prepared; 11 a named unit is
  somebody else's
COMPLEXITY O(B log H + names), B items, H holds
]]
local epoch, holds, outbox = KEYS[1], KEYS[2], KEYS[3]
-- @include stock
-- @include order
-- @include units
-- @include item

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local items = read_items(4, 4)
local now, keep_ms = now_ms(), tonumber(ARGV[3])
local room = tonumber(ARGV[2]) - redis.call('XLEN', outbox)
local reply = { DONE, now }

for _, item in ipairs(items) do
  local code, order_id, capacity, held, sold = judge(item, room)
  local hold_until = 0
  if code == TAKEN then
    hold_until, room = now + item.hold_ms, room - 1
    held, sold = take(item, now, keep_ms, held, sold)
    write_order(item.order, outbox, item.record(now, hold_until))
    if item.hold_ms > 0 then redis.call('ZADD', holds, hold_until, order_id) end
  end
  local at = #reply
  reply[at + 1], reply[at + 2], reply[at + 3] = code, order_id, hold_until
  reply[at + 4], reply[at + 5], reply[at + 6] = capacity, held, sold
end
return reply
