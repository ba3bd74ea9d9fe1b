-- Needs the locals config and pacer. Redis time in ms, and the reply of a script that must not act.
local LOST, OK, STALE = 0, 1, 2

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- LOST: another epoch, or this Redis knows less than the caller has seen (emptied, failed over, an old file).
-- STALE: the caller's lanes are not the room's. nil: go on.
local function refusal(epochId, sequence, lanes)
  local known = redis.call('HMGET', pacer, 'epochId', 'seq')
  if known[1] ~= epochId or tonumber(known[2]) < tonumber(sequence) then return { LOST } end
  if lanes and redis.call('HGET', config, 'lanes') ~= lanes then return { STALE } end
  return nil
end

-- Lease deadlines are even: an odd one marks a visitor who was called.
local function lease_deadline(now, seconds)
  return now - now % 2 + seconds * 1000
end

local function next_sequence()
  return redis.call('HINCRBY', pacer, 'seq', 1)
end
