--[[
reset_room: ends the run: nobody waits, nobody is inside, flags and counters are new, old tickets mean nothing.
Rules, audit and epoch stay.

KEYS
  1 config    hash    rules, flags, version
  2 pacer     hash    bucket, sequence, epoch, counters
  3 presence  zset    visitor -> lease deadline, ms
  4 admitted  zset    visitor -> claim deadline, ms
  5 active    zset    visitor -> session deadline, ms
  6 turns     hash    visitor -> turn:lapses:lane:score
  7 over      hash    visitor -> why the place is over
  8 arrivals  hash    joins of the last 60 seconds
  9 history   stream  one sample a second
  10 audit    stream  who changed what and why
  11 roll     set     visitors named in the open roll call
  12 drawn    zset    who is drawn
  13 ended    zset    sessions that ended before their tokens
  + queue     zset    visitor -> score, one per lane
  + away      zset    visitor -> score, one per lane
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 channel   text    the room's broadcast
  4 author    text    who
  5 reason    text    why
REPLY {LOST} | {OK, sequence, now ms, version, run}
COMPLEXITY O(1), the freeing is done in the background
]]
local config, pacer, presence, admitted = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local active, turns, over, arrivals = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local history, audit, roll, drawn, ended = KEYS[9], KEYS[10], KEYS[11], KEYS[12], KEYS[13]
-- @include guard
-- @include broadcast
-- @include audit

local refused = refusal(ARGV[1], ARGV[2])
if refused then return refused end
local now, sequence = now_ms(), next_sequence()
local kept = redis.call('HMGET', pacer, 'epoch', 'epochId', 'run', 'next', 'turn', 'message', 'slot', 'server')
redis.call('UNLINK', pacer, presence, admitted, active, turns, over, arrivals, history, roll, drawn, ended)
for i = 14, #KEYS do redis.call('UNLINK', KEYS[i]) end
-- The turn number goes on: a token of the old run must never share its jti with one of the new.
redis.call('HSET', pacer, 'epoch', kept[1], 'epochId', kept[2], 'run', tonumber(kept[3]) + 1, 'next', kept[4],
  'turn', kept[5] or '0', 'firstTurn', kept[5] or '0', 'message', kept[6], 'slot', kept[7] or '0', 'seq', sequence,
  'bucket', '0', 'filledAt', string.format('%.0f', now), 'server', kept[8] or '')
redis.call('HDEL', config, 'flag.closed', 'flag.soldOut', 'flag.drained', 'flag.paused', 'flag.stockHeld')
local version = record_change(now, ARGV[4], 'reset', ARGV[5], {})
broadcast(ARGV[3], sequence, now, version, { 'v', 'r' })
return { OK, sequence, now, version, tonumber(kept[3]) + 1 }
