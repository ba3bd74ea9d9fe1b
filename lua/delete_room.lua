--[[
delete_room: the room and everything in it is gone. What stays is its audit, for a year, and in the pacer a tombstone:
that it was deleted, so that no gateway that missed it puts the room back, and the epoch, run and turn from which a room
of the same name goes on, so that old tickets and entry tokens mean nothing in it.

KEYS
  1 config    hash    rules, flags, version
  2 pacer     hash    bucket, sequence, epoch, counters
  3 audit     stream  who changed what and why
  + part      zset    any other key of the room, of any type
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 channel   text    the room's broadcast
  4 author    text    who
  5 reason    text    why, may be empty
REPLY {LOST} | {OK, sequence, now ms}
COMPLEXITY O(1), the freeing is done in the background
]]
local config, pacer, audit = KEYS[1], KEYS[2], KEYS[3]
-- @include guard
-- @include broadcast
-- @include audit
local AUDIT_SECONDS = 366 * 86400

local refused = refusal(ARGV[1], ARGV[2])
if refused then return refused end
local now, sequence = now_ms(), next_sequence()
local kept = redis.call('HMGET', pacer, 'epoch', 'run', 'turn')
local version = record_change(now, ARGV[4], 'delete', ARGV[5], {})
broadcast(ARGV[3], sequence, now, version, { 'g' })
redis.call('UNLINK', config, pacer)
for i = 4, #KEYS do redis.call('UNLINK', KEYS[i]) end
redis.call('HSET', pacer, 'deletedAt', string.format('%.0f', now), 'epoch', kept[1], 'run', tonumber(kept[2]) + 1,
  'turn', kept[3] or '0', 'firstTurn', kept[3] or '0')
redis.call('EXPIRE', audit, AUDIT_SECONDS)
return { OK, sequence, now }
