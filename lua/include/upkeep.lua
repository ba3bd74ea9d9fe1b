-- Needs the locals pacer, admitted, active, over, ended and the includes lanes and passed. Once a second: whether this is
-- still the Redis process on which the epoch was opened (asked at once after a pause, for a restart is one), and that what
-- is kept stays bounded. From KEPT places that are over on, those at or below the last admitted score are dropped: there
-- it says the same, only the reason is forgotten. Of a lane's absent at most KEPT_AWAY are kept, some 100 bytes each; of
-- more the earliest go, STEP a second, and their places are over when they are passed.
-- @include server
local KEPT, KEPT_AWAY, STEP = 100000, 1000000, 500

-- An empty room has nothing to lose: whoever finds it so takes the present process for its own.
local function has_moved(server, behind, is_new_second, lanes)
  if not server or not (behind < -2 or is_new_second) then return false end
  local present = server_id()
  if present == server then return false end
  if waiting_in(lanes) + redis.call('ZCARD', admitted) + redis.call('ZCARD', active) > 0 then return true end
  redis.call('HSET', pacer, 'server', present)
  return false
end

-- Until when nobody is admitted. A clock that was set back must not hold the room up: what it waits for moves with it.
local function paused_until(settle, hold, behind)
  local back = behind > 20 and behind * 50 or 0
  for _, field in ipairs(back > 0 and { 'settleUntil', 'holdUntil', 'rollUntil' } or {}) do
    if redis.call('HEXISTS', pacer, field) == 1 then redis.call('HINCRBY', pacer, field, -back) end
  end
  return math.max(tonumber(settle) or 0, tonumber(hold) or 0) - back
end

local function drop_oldest_over()
  local page = redis.call('HSCAN', over, redis.call('HGET', pacer, 'overAt') or '0', 'COUNT', STEP)
  redis.call('HSET', pacer, 'overAt', page[1])
  local last = {}
  for i = 1, #page[2], 2 do
    local name, score = string.match(page[2][i + 1], ':([^:]*):(%d+)$')
    if score then
      local field = last_field(name, tonumber(score))
      last[field] = last[field] or tonumber(redis.call('HGET', pacer, field)) or -1
      if tonumber(score) <= last[field] then redis.call('HDEL', over, page[2][i]) end
    end
  end
end

local function keep_bounded(lanes, now)
  redis.call('ZREMRANGEBYSCORE', ended, '-inf', now)
  for _, lane in ipairs(lanes) do
    local excess = redis.call('ZCARD', lane.away) - KEPT_AWAY
    if excess > 0 then redis.call('ZREMRANGEBYRANK', lane.away, 0, math.min(excess, STEP) - 1) end
  end
  if redis.call('HLEN', over) > KEPT then drop_oldest_over() end
end
