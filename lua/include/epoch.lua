-- Needs the local pacer, guard and server. Opens an epoch above `above`: its newcomers stand behind everybody who had
-- a place. n starts at (ms into the ten-minute step) x 1,024, so that two epochs of one step cannot meet.
local STEP_MS, STEPS_FROM = 600000, 1767225600000

local function open_epoch(id, above, now, settle)
  local step = math.floor((now - STEPS_FROM) / STEP_MS)
  local first = ((now - STEPS_FROM) % STEP_MS) * 1024
  redis.call('HDEL', pacer, 'fresh', 'guess', 'holdUntil', 'rollUntil', 'rollLane', 'rollFrom')
  redis.call('HSET', pacer, 'epoch', math.max(above + 1, step), 'epochId', id, 'seq', 0, 'message', 0,
    'next', string.format('%.0f', first), 'bucket', '0', 'filledAt', string.format('%.0f', now),
    'openedAt', string.format('%.0f', now), 'settleUntil', string.format('%.0f', now + settle),
    'server', server_id())
end
