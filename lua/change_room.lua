--[[
change_room: changes rules or flags of a room, audited. A rate takes effect from this moment: the bucket is first
filled to now at the old one. The tick does what follows (ending the queue of a closed room, admitting again).

KEYS
  1 config    hash    rules, flags, version
  2 pacer     hash    bucket, sequence, epoch
  3 audit     stream  who changed what and why
  + queue     zset    visitor -> score, one per lane that the change takes away
  + away      zset    visitor -> score, one per lane that the change takes away
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 channel   text    the room's broadcast
  4 expected  count   version that the change is based on, 0 = any
  5 author    text    who
  6 action    text    patch | pause | resume | ...
  7 reason    text    why, may be empty
  + field     text    of config
  + value     text    its value; empty removes the field
REPLY {LOST} | {OK, sequence, now ms, version} | {3 another version, the version} | {4 somebody stands in a lane}
  | {5 the beacon is settled: somebody has joined the draw}
COMPLEXITY O(fields)
]]
local config, pacer, audit = KEYS[1], KEYS[2], KEYS[3]
-- @include guard
-- @include rules
-- @include bucket
-- @include broadcast
-- @include audit
-- @include stock_signal

local refused = refusal(ARGV[1], ARGV[2])
if refused then return refused end
local now = now_ms()
local rules = read_rules()
if tonumber(ARGV[4]) > 0 and rules.version ~= tonumber(ARGV[4]) then return { 3, rules.version } end
for i = 4, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then return { 4 } end
end

for i = 8, #ARGV, 2 do
  if ARGV[i] == 'queue.beacon' and rules.draw.joined > 0 then return { 5 } end
end

store_bucket(rules, fill_bucket(rules, now), now)
local details = {}
for i = 8, #ARGV, 2 do
  if ARGV[i + 1] == '' then
    redis.call('HDEL', config, ARGV[i])
  else
    redis.call('HSET', config, ARGV[i], ARGV[i + 1])
  end
  details[#details + 1] = ARGV[i]
  details[#details + 1] = ARGV[i + 1]
end
apply_stock()
-- The operator answers for who is inside.
if ARGV[6] == 'resume' then redis.call('HDEL', pacer, 'holdUntil') end
note_opening(read_rules(), ARGV[6], now)
local version = record_change(now, ARGV[5], ARGV[6], ARGV[7], details)
local sequence = next_sequence()
broadcast(ARGV[3], sequence, now, version, { 'v' })
return { OK, sequence, now, version }
