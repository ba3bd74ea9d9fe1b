--[[
give_beacon: the value of the beacon that the room's rules name, once, and only when the participants' hash is public.

KEYS
  1 config    hash    rules, flags, version
  2 pacer     hash    sequence, epoch, the draw
  3 audit     stream  who changed what and why
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 channel   text    the room's broadcast
  4 value     text    the beacon's value
  5 author    text    who gives it
  6 reason    text    why, may be empty
REPLY {LOST} | {OK, sequence, now ms, version} given, and so for a repeat | {3} too early: no hash yet |
  {4} another value is settled | {5} the room's rules name no beacon, or the draw was made without
COMPLEXITY O(1)
]]
local config, pacer, audit = KEYS[1], KEYS[2], KEYS[3]
-- @include guard
-- @include broadcast
-- @include audit

local refused = refusal(ARGV[1], ARGV[2])
if refused then return refused end
local now = now_ms()
local kept = redis.call('HMGET', pacer, 'draw.hash', 'draw.beacon', 'draw.doneAt', 'seq')
local rules = redis.call('HMGET', config, 'queue.beacon', 'version')
if not rules[1] or rules[1] == '' then return { 5 } end
if kept[2] == ARGV[4] then return { OK, tonumber(kept[4]), now, tonumber(rules[2]) } end
if kept[2] then return { 4 } end
if kept[3] then return { 5 } end
if not kept[1] then return { 3 } end
redis.call('HSET', pacer, 'draw.beacon', ARGV[4])
local version = record_change(now, ARGV[5], 'beacon', ARGV[6], { 'name', rules[1], 'value', ARGV[4] })
local sequence = next_sequence()
broadcast(ARGV[3], sequence, now, version, { 'v', 'd 0' })
return { OK, sequence, now, version }
