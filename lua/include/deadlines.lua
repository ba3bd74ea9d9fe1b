-- Needs the locals pacer, presence, admitted, active, turns, over. What has passed its deadline, at most BATCH a slot of
-- all kinds together, each command once for all of them: Redis is shared, and whoever else it serves waits. Event lines:
-- e visitor turn reason (session over; leave_places adds the deadline it would have had), l visitor turn lane score
-- (turn lapsed), w visitor score turn lane lapses (lapsed, waits again), k visitor (called), x visitor lane score
-- (struck: abandoned). Lane and score are for who must put them back after a loss.
local BATCH = 500

-- How many of each kind this slot takes: sessions and turns first, for they free capacity, then the absent. Each has its
-- even share of what those before it left, and what those behind it do not need.
local function share_slot(now)
  local due, behind, left, take = {}, 0, BATCH, {}
  for i, key in ipairs({ active, admitted, presence }) do
    due[i] = redis.call('ZCOUNT', key, '-inf', now)
    behind = behind + due[i]
  end
  for i, count in ipairs(due) do
    behind = behind - count
    take[i] = math.min(count, math.max(math.floor(left / (#due + 1 - i)), left - behind))
    left = left - take[i]
  end
  return unpack(take)
end

local function take_first(key, most, ...)
  if most == 0 then return {} end
  local due = redis.call('ZRANGE', key, 0, most - 1, ...)
  redis.call('ZREMRANGEBYRANK', key, 0, most - 1)
  return due
end

local function append(list, one, other)
  list[#list + 1] = one
  list[#list + 1] = other
end

local function call_for(items, command, key)
  if #items > 0 then redis.call(command, key, unpack(items)) end
end

local function count(field, by)
  if by > 0 then redis.call('HINCRBY', pacer, field, by) end
end

local function end_sessions(most, lines)
  local ended = take_first(active, most)
  local records = most > 0 and redis.call('HMGET', turns, unpack(ended)) or {}
  for i, visitor in ipairs(ended) do
    lines[#lines + 1] = 'e ' .. visitor .. ' ' .. (string.match(records[i] or '', '^%d+') or '0') .. ' expired'
  end
  call_for(ended, 'HDEL', turns)
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
local function lapse_turns(rules, lanes, now, most, lines)
  local lapsed, gone, reasons, kept, leases = take_first(admitted, most), {}, {}, {}, {}
  local records = most > 0 and redis.call('HMGET', turns, unpack(lapsed)) or {}
  for _, lane in ipairs(lanes) do lane.again = {} end
  for i, visitor in ipairs(lapsed) do
    local turn, lapses, name, score = string.match(records[i] or '', '^(%d+):(%d+):([^:]*):(%d+)$')
    if turn and tonumber(lapses) < rules.lapses_allowed then
      lapses = tonumber(lapses) + 1
      append(kept, visitor, turn .. ':' .. lapses .. ':' .. name .. ':' .. score)
      append(lane_named(lanes, name).again, score, visitor)
      append(leases, lease_deadline(now, rules.lease), visitor)
      lines[#lines + 1] = table.concat({ 'w', visitor, score, turn, name, lapses }, ' ')
    else
      gone[#gone + 1] = visitor
      append(reasons, visitor, 'lapsed:' .. (name or '-') .. ':' .. (score or '0'))
      lines[#lines + 1] = table.concat({ 'l', visitor, turn or '0', name or '-', score or '0' }, ' ')
    end
  end
  call_for(gone, 'HDEL', turns)
  call_for(reasons, 'HSET', over)
  call_for(kept, 'HSET', turns)
  call_for(leases, 'ZADD', presence)
  for _, lane in ipairs(lanes) do call_for(lane.again, 'ZADD', lane.queue) end
  count('lapsed', #lapsed)
  return #lapsed
end

-- Those of the visitors who do not wait in this lane.
local function strike(lane, visitors, lines)
  if #visitors == 0 then return visitors end
  local scores, struck, away, others = redis.call('ZMSCORE', lane.queue, unpack(visitors)), {}, {}, {}
  for i, visitor in ipairs(visitors) do
    if scores[i] then
      struck[#struck + 1] = visitor
      append(away, scores[i], visitor)
      lines[#lines + 1] = 'x ' .. visitor .. ' ' .. lane.name .. ' ' .. scores[i]
    else
      others[#others + 1] = visitor
    end
  end
  call_for(struck, 'ZREM', lane.queue)
  call_for(away, 'ZADD', lane.away)
  count('abandoned', #struck)
  return others
end

-- A lease that ran out is called first (deadline one second on, odd): a gateway that holds the visitor's socket
-- answers by taking the entry away. A call that was not answered strikes. Leases are even numbers.
local function call_and_strike(lanes, now, most, lines)
  local due, called, absent = take_first(presence, most, 'WITHSCORES'), {}, {}
  for i = 1, #due, 2 do
    local visitor = due[i]
    if tonumber(due[i + 1]) % 2 == 0 then
      append(called, now + 1000 + (now + 1) % 2, visitor)
      lines[#lines + 1] = 'k ' .. visitor
    else
      absent[#absent + 1] = visitor
    end
  end
  call_for(called, 'ZADD', presence)
  for _, lane in ipairs(lanes) do absent = strike(lane, absent, lines) end
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
