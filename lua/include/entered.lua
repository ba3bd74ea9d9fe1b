-- Needs the keys of enter_admitted. Enters what a gateway gave by itself: 0 done, 1 known already, 2 refused.
local function why_over(visitor)
  return string.match(redis.call('HGET', over, visitor) or '', '^%a+')
end

-- Whether the visitor stood or had a turn anywhere, which is then no longer so.
local function take_out(visitor, lanes)
  local was = redis.call('ZREM', admitted, visitor) + take_out_of(lanes, visitor)
  redis.call('ZREM', presence, visitor)
  return was > 0
end

-- And whether the visitor was new to Redis, whether a token is due, and whether it is a turn that Redis did not give.
local function enter_turn(visitor, stage, lane, score, turn, deadline, lanes, lines)
  local why, claimed = why_over(visitor), stage == 'c'
  if why == 'left' or why == 'revoked' then return 2 end
  if why == 'served' or redis.call('ZSCORE', active, visitor) then return 1 end
  local had_turn = redis.call('ZSCORE', admitted, visitor)
  local kept, lapses = string.match(redis.call('HGET', turns, visitor) or '', '^(%d+):(%d+):')
  if not claimed and (why or had_turn and kept == turn) then return 1 end
  local stood = take_out(visitor, lanes)
  redis.call('ZADD', claimed and active or admitted, deadline, visitor)
  redis.call('HSET', turns, visitor, table.concat({ turn, lapses or '0', lane.name, score }, ':'))
  -- The last admitted score does not tell of it: others with a lower one may wait at other gateways.
  if claimed then redis.call('HSET', over, visitor, 'served:' .. lane.name .. ':' .. score) end
  local line = table.concat({ claimed and 'c' or 'a', visitor, turn, deadline }, ' ')
  lines[#lines + 1] = claimed and line .. ' ' .. lane.name .. ' ' .. score .. ' served' or line
  return 0, not stood and not why, not had_turn, not had_turn and not why
end

-- A place is put where its score says, also below the last admitted one: other gateways may have been quicker. That is
-- told (line: y visitor lane score), for only so do the gateways know that it is not over.
local function enter_place(visitor, lane, score, lanes, lease_until, lines)
  if why_over(visitor) or redis.call('HEXISTS', turns, visitor) == 1 then return 1 end
  for _, other in ipairs(lanes) do
    if redis.call('ZSCORE', other.queue, visitor) or redis.call('ZSCORE', other.away, visitor) then return 1 end
  end
  redis.call('ZADD', lane.queue, score, visitor)
  redis.call('ZADD', presence, lease_until, visitor)
  if tonumber(score) <= last_admitted(lane.name, tonumber(score)) then
    lines[#lines + 1] = table.concat({ 'y', visitor, lane.name, score }, ' ')
  end
  local kept = redis.call('HMGET', pacer, 'epoch', 'next')
  local n = tonumber(score) - arrival_score(kept[1], 0)
  if n >= tonumber(kept[2]) then redis.call('HSET', pacer, 'next', string.format('%.0f', n + 1)) end
  return 0
end
