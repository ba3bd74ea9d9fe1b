-- Needs the locals config, pacer, presence, holders, roll. A gateway that holds sockets keeps a lease in `holders`. When
-- one runs out, its visitors have neither socket nor deadline: a roll call opens (line `o number`), for three seconds
-- every living gateway names whom it holds (into `roll`), and then who was not named comes under the grace period. It
-- counts from the lease's last renewal, at most nine seconds before the answers are in (the lease, a second until it is
-- looked at, the answers), so that they leave the count as soon as those who closed a socket then.
local HOLDER_LEASE_MS, ANSWER_MS, FOUND_AFTER_SECONDS = 5000, 3000, 9
-- A slot looks at a page of those who wait, and at more, up to MOST, as long as few of them need a deadline and it takes so
-- many to be done when the first of the deadlines comes: MOST is enough for a million and a grace period of a minute.
local PAGE, MOST = 500, 1200

local function keep_holder(gateway, now)
  if gateway ~= '' then redis.call('ZADD', holders, now + HOLDER_LEASE_MS, gateway) end
end

local function open_roll(now, lines)
  if redis.call('ZREMRANGEBYSCORE', holders, '-inf', now) == 0 then return end
  redis.call('UNLINK', roll)
  local number = redis.call('HINCRBY', pacer, 'rolls', 1)
  redis.call('HDEL', pacer, 'rollCursor')
  redis.call('HSET', pacer, 'rollUntil', now + ANSWER_MS, 'rollLane', 1)
  lines[#lines + 1] = string.format('o %d', number)
end

-- In buckets, as Redis counts them: a table has a power of two.
local function step_of(lanes, rules)
  local slots = math.max(1, rules.grace - FOUND_AFTER_SECONDS) * 20
  local _, doublings = math.frexp(waiting_in(lanes))
  return math.min(MOST, math.max(PAGE, math.ceil(2 ^ doublings / slots)))
end

-- To those of a page (visitor, score, ...) who were not named; how many that were.
local function give_deadlines(page, deadline)
  local visitors, leases = {}, {}
  for i = 1, #page, 2 do visitors[#visitors + 1] = page[i] end
  local named = #visitors > 0 and redis.call('SMISMEMBER', roll, unpack(visitors)) or {}
  for i, visitor in ipairs(visitors) do
    if named[i] == 0 then leases[#leases + 1], leases[#leases + 2] = deadline, visitor end
  end
  if #leases > 0 then redis.call('ZADD', presence, 'NX', unpack(leases)) end
  return #leases / 2
end

-- By ZSCAN: it passes over nobody who stays, whoever comes, leaves or has the same score meanwhile.
local function walk_roll(lanes, rules, now)
  local at = redis.call('HMGET', pacer, 'rollUntil', 'rollLane', 'rollCursor')
  if not at[1] or now < tonumber(at[1]) then return end
  local lane = lanes[tonumber(at[2])]
  if not lane then
    redis.call('HDEL', pacer, 'rollUntil', 'rollLane', 'rollCursor')
    redis.call('UNLINK', roll)
    return
  end
  local deadline = lease_deadline(tonumber(at[1]), math.max(0, rules.grace - FOUND_AFTER_SECONDS))
  local cursor, left, given = at[3] or '0', step_of(lanes, rules), 0
  repeat
    local page = redis.call('ZSCAN', lane.queue, cursor, 'COUNT', math.min(PAGE, left))
    cursor, left, given = page[1], left - PAGE, given + give_deadlines(page[2], deadline)
  until cursor == '0' or left <= 0 or given >= PAGE
  redis.call('HSET', pacer, 'rollLane', tonumber(at[2]) + (cursor == '0' and 1 or 0), 'rollCursor', cursor)
end
