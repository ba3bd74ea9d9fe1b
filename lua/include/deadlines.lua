-- Needs the locals pacer, presence, admitted, active, turns, over. What has passed its deadline. Event lines:
-- e visitor turn reason (session over; leave_places adds the deadline it would have had), l visitor turn lane score
-- (turn lapsed), w visitor score turn lane lapses (lapsed, waits again), k visitor (called), x visitor lane score
-- (struck: abandoned). Lane and score are for who must put them back after a loss.
local BATCH = 500

local function count(field, by)
  if by > 0 then redis.call('HINCRBY', pacer, field, by) end
end

local function end_sessions(now, lines)
  local ended = redis.call('ZRANGEBYSCORE', active, '-inf', now, 'LIMIT', 0, BATCH)
  for _, visitor in ipairs(ended) do
    local turn = string.match(redis.call('HGET', turns, visitor) or '', '^%d+') or '0'
    redis.call('ZREM', active, visitor)
    redis.call('HDEL', turns, visitor)
    lines[#lines + 1] = 'e ' .. visitor .. ' ' .. turn .. ' expired'
  end
  count('ended', #ended)
end

local function lane_named(lanes, name)
  for _, lane in ipairs(lanes) do
    if lane.name == name then return lane end
  end
  return lanes[1]
end

-- A lapsed turn frees its capacity and returns its token; the visitor is out, or while lapses are allowed waits
-- again with the score of before, so at the front.
local function lapse_turns(rules, lanes, now, lines)
  local lapsed = redis.call('ZRANGEBYSCORE', admitted, '-inf', now, 'LIMIT', 0, BATCH)
  for _, visitor in ipairs(lapsed) do
    local turn, lapses, name, score = string.match(redis.call('HGET', turns, visitor) or '', '^(%d+):(%d+):([^:]*):(%d+)$')
    redis.call('ZREM', admitted, visitor)
    if turn and tonumber(lapses) < rules.lapses_allowed then
      lapses = tonumber(lapses) + 1
      redis.call('HSET', turns, visitor, turn .. ':' .. lapses .. ':' .. name .. ':' .. score)
      redis.call('ZADD', lane_named(lanes, name).queue, tonumber(score), visitor)
      redis.call('ZADD', presence, lease_deadline(now, rules.lease), visitor)
      lines[#lines + 1] = table.concat({ 'w', visitor, score, turn, name, lapses }, ' ')
    else
      redis.call('HDEL', turns, visitor)
      redis.call('HSET', over, visitor, 'lapsed:' .. (name or '-') .. ':' .. (score or '0'))
      lines[#lines + 1] = table.concat({ 'l', visitor, turn or '0', name or '-', score or '0' }, ' ')
    end
  end
  count('lapsed', #lapsed)
  return #lapsed
end

-- A lease that ran out is called first (deadline one second on, odd): a gateway that holds the visitor's socket
-- answers by taking the entry away. A call that was not answered strikes. Leases are even numbers.
local function call_and_strike(lanes, now, lines)
  local due = redis.call('ZRANGEBYSCORE', presence, '-inf', now, 'WITHSCORES', 'LIMIT', 0, BATCH)
  local struck = 0
  for i = 1, #due, 2 do
    local visitor = due[i]
    if tonumber(due[i + 1]) % 2 == 0 then
      redis.call('ZADD', presence, now + 1000 + (now + 1) % 2, visitor)
      lines[#lines + 1] = 'k ' .. visitor
    else
      redis.call('ZREM', presence, visitor)
      for _, lane in ipairs(lanes) do
        local score = redis.call('ZSCORE', lane.queue, visitor)
        if score then
          redis.call('ZREM', lane.queue, visitor)
          redis.call('ZADD', lane.away, tonumber(score), visitor)
          lines[#lines + 1] = string.format('x %s %s %.0f', visitor, lane.name, tonumber(score))
          struck = struck + 1
        end
      end
    end
  end
  count('abandoned', struck)
end

-- When the room must be looked at again although nobody waits.
local function next_deadline()
  local nearest = 0
  for _, key in ipairs({ admitted, active, presence }) do
    local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
    if first[2] and (nearest == 0 or tonumber(first[2]) < nearest) then nearest = tonumber(first[2]) end
  end
  return nearest
end

-- Whether there is a place to be ended: the absent have theirs too.
local function somebody_stands(lanes)
  for _, lane in ipairs(lanes) do
    if lane.waiting > 0 or redis.call('EXISTS', lane.away) == 1 then return true end
  end
  return false
end

-- The room is closed or sold out: every place waiting is over, now and for good. Line: z reason score (all up to it).
local function end_queue(lanes, state, lines)
  local kept = redis.call('HMGET', pacer, 'epoch', 'next')
  local newest = 4503599627370496 + tonumber(kept[1]) * 1073741824 + tonumber(kept[2]) - 1
  for _, lane in ipairs(lanes) do
    redis.call('UNLINK', lane.queue, lane.away)
    lane.waiting = 0
  end
  redis.call('UNLINK', presence)
  -- A list that is closed stays for who checks the draw.
  if redis.call('HEXISTS', pacer, 'draw.frozenAt') == 0 then redis.call('UNLINK', drawn) end
  redis.call('HSET', pacer, 'endedTo', string.format('%.0f', newest), 'endedBy', state)
  lines[#lines + 1] = string.format('z %s %.0f', state, newest)
  return 0
end
