-- Needs the locals pacer, admitted, active, over, ended and the includes lanes and server. Once a second: whether this is still the Redis process on which the
-- epoch was opened (asked at once after a pause, for a restart is one), and that what is kept of places that are over
-- stays bounded. Kept are at most KEPT of each kind, the earliest places go first: at or below the last admitted score
-- a place is over without a note, above it a ticket brings it back without one. Reasons of the dropped are forgotten.
local KEPT, STEP = 100000, 500

-- An empty room has nothing to lose: whoever finds it so takes the present process for its own.
local function has_moved(server, behind, is_new_second, lanes)
  if not server or not (behind < -2 or is_new_second) then return false end
  local present = server_id()
  if present == server then return false end
  if waiting_in(lanes) + redis.call('ZCARD', admitted) + redis.call('ZCARD', active) > 0 then return true end
  redis.call('HSET', pacer, 'server', present)
  return false
end

local function drop_oldest_over(lanes)
  local page = redis.call('HSCAN', over, redis.call('HGET', pacer, 'overAt') or '0', 'COUNT', STEP)
  redis.call('HSET', pacer, 'overAt', page[1])
  local last = {}
  for _, lane in ipairs(lanes) do last[lane.name] = tonumber(redis.call('HGET', pacer, 'last:' .. lane.name)) end
  for i = 1, #page[2], 2 do
    local name, score = string.match(page[2][i + 1], ':([^:]*):(%d+)$')
    if score and tonumber(score) <= (last[name] or -1) then redis.call('HDEL', over, page[2][i]) end
  end
end

local function keep_bounded(lanes, now)
  redis.call('ZREMRANGEBYSCORE', ended, '-inf', now)
  for _, lane in ipairs(lanes) do
    local excess = redis.call('ZCARD', lane.away) - KEPT
    if excess > 0 then redis.call('ZREMRANGEBYRANK', lane.away, 0, math.min(excess, STEP) - 1) end
  end
  if redis.call('HLEN', over) > KEPT then drop_oldest_over(lanes) end
end
