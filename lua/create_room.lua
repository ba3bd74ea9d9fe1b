--[[
create_room: makes a room unless it exists, or opens a new epoch in place of the one that was lost.

The epoch is max(last known + 1, ten-minute steps since 2026-01-01), so that newcomers after a loss stand behind
everybody who had a place. Nobody is admitted before the settling time has passed.

KEYS
  1 config    hash    rules, flags, version
  2 pacer     hash    bucket, sequence, epoch, counters
  3 audit     stream  who changed what and why
ARGV
  1 epochId   text    random id for the new epoch
  2 lastEpoch count   the highest E the caller has known, 0 = none
  3 run       count   the room's run
  4 settle    ms      settling time, 0 for a fresh start
  5 replaces  text    id of the epoch that is given up, empty = only a room that does not exist
  6 author    text    who creates it
  + field     text    of config
  + value     text    its value
REPLY {0 existed | 1 created, now ms}
COMPLEXITY O(fields)
]]
local config, pacer, audit = KEYS[1], KEYS[2], KEYS[3]
-- @include guard
-- @include audit

local now = now_ms()
local current = redis.call('HGET', pacer, 'epochId')
if current and current ~= ARGV[5] and redis.call('EXISTS', config) == 1 then return { 0, now } end
local STEP_MS, STEPS_FROM = 600000, 1767225600000
local step = math.floor((now - STEPS_FROM) / STEP_MS)
local epoch = math.max(tonumber(ARGV[2]) + 1, step)
-- n starts at (ms into the step) x 1,024, so that two epochs of one step cannot meet.
local first = ((now - STEPS_FROM) % STEP_MS) * 1024
redis.call('HSET', pacer, 'epoch', epoch, 'epochId', ARGV[1], 'run', ARGV[3], 'seq', 0, 'message', 0,
  'next', string.format('%.0f', first), 'bucket', '0', 'filledAt', string.format('%.0f', now),
  'settleUntil', string.format('%.0f', now + tonumber(ARGV[4])))
for i = 7, #ARGV, 2 do redis.call('HSET', config, ARGV[i], ARGV[i + 1]) end
record_change(now, ARGV[6], 'create', '', {})
return { 1, now }
