-- Needs the keys and locals of restore_room. Who comes back late must not find others admitted in front: each call of a
-- gateway that puts places back sees to it that the settling time lasts a while longer (line `t until ms`), but for a
-- minute in all, whatever there is to put back. One that dies meanwhile is waited for no longer than that while.
local WHILE_MS, LONGEST_MS, STEP_MS = 5000, 60000, 1000

-- Nobody can claim meanwhile, so a turn that was put back keeps its window, some 500 a call.
local function keep_windows()
  local least = string.format('%.0f', settle_until + window)
  local short = redis.call('ZRANGEBYSCORE', admitted, '-inf', '(' .. least, 'LIMIT', 0, 500)
  local moved = {}
  for i, visitor in ipairs(short) do moved[2 * i - 1], moved[2 * i] = least, visitor end
  if #moved > 0 then redis.call('ZADD', admitted, 'XX', unpack(moved)) end
end

local function stay_settling()
  if not settling then return end
  local till = math.min(now + WHILE_MS, opened_at + LONGEST_MS)
  if till - settle_until >= STEP_MS then
    settle_until = till
    redis.call('HSET', pacer, 'settleUntil', string.format('%.0f', till))
    local called = tonumber(redis.call('HGET', pacer, 'rollUntil'))
    if called and called > now then redis.call('HSET', pacer, 'rollUntil', string.format('%.0f', till)) end
    lines[#lines + 1] = string.format('t %.0f', till)
  end
  keep_windows()
end
