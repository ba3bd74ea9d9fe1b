-- Needs the locals config, pacer, presence, holders, roll. A gateway that holds sockets keeps a lease in `holders`. When
-- one runs out, its visitors have neither socket nor deadline: a roll call opens (line `o number`), for three seconds
-- every living gateway names whom it holds (into `roll`), and then who was not named comes under the grace period,
-- 500 a slot. It counts from the lease's last renewal, at most nine seconds before the answers are in (the lease, a
-- second until it is looked at, the answers), so that they leave the count as soon as those who closed a socket then.
local HOLDER_LEASE_MS, ANSWER_MS, STEP, FOUND_AFTER_SECONDS = 5000, 3000, 500, 9

local function keep_holder(gateway, now)
  if gateway ~= '' then redis.call('ZADD', holders, now + HOLDER_LEASE_MS, gateway) end
end

local function open_roll(now, lines)
  if redis.call('ZREMRANGEBYSCORE', holders, '-inf', now) == 0 then return end
  redis.call('UNLINK', roll)
  local number = redis.call('HINCRBY', pacer, 'rolls', 1)
  redis.call('HSET', pacer, 'rollUntil', now + ANSWER_MS, 'rollLane', 1, 'rollFrom', '-inf')
  lines[#lines + 1] = string.format('o %d', number)
end

local function walk_roll(lanes, rules, now)
  local at = redis.call('HMGET', pacer, 'rollUntil', 'rollLane', 'rollFrom')
  if not at[1] or now < tonumber(at[1]) then return end
  local lane = lanes[tonumber(at[2])]
  if not lane then
    redis.call('HDEL', pacer, 'rollUntil', 'rollLane', 'rollFrom')
    redis.call('UNLINK', roll)
    return
  end
  local deadline = lease_deadline(tonumber(at[1]), math.max(0, rules.grace - FOUND_AFTER_SECONDS))
  local some = redis.call('ZRANGEBYSCORE', lane.queue, at[3], '+inf', 'WITHSCORES', 'LIMIT', 0, STEP)
  for i = 1, #some, 2 do
    if redis.call('SISMEMBER', roll, some[i]) == 0 then
      redis.call('ZADD', presence, 'NX', deadline, some[i])
    end
  end
  if #some < 2 * STEP then
    redis.call('HSET', pacer, 'rollLane', tonumber(at[2]) + 1, 'rollFrom', '-inf')
  else
    redis.call('HSET', pacer, 'rollFrom', '(' .. string.format('%.0f', tonumber(some[#some])))
  end
end
