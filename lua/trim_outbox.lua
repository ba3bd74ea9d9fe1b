--[[
trim_outbox: drops the entries of a range, and all before it, once Postgres has them. Repeat-safe.

KEYS
  1 epoch     string  the life of the data set
  2 outbox    stream  one entry per transition
  3 cursor    hash    range, last: the last range that was cut; done: the last range that was trimmed
ARGV
  1 epoch_id  text    the caller's epoch
  2 range     count   number of the range
  3 last_id   id      its last stream id
REPLY {0} not ready | {1, entries dropped} | {2} trimmed before | {3} no such range was cut
COMPLEXITY O(n), n entries dropped
]]
local epoch, outbox, cursor = KEYS[1], KEYS[2], KEYS[3]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local cut = redis.call('HMGET', cursor, 'range', 'last', 'done')
local range = tonumber(ARGV[2])
if range > tonumber(cut[1] or 0) then return { 3 } end
if range <= tonumber(cut[3] or 0) then return { SAME } end
local ms, seq = string.match(ARGV[3], '^(%d+)-(%d+)$')
if not ms then return { 3 } end
redis.call('HSET', cursor, 'done', range)
local next_id = string.format('%s-%.0f', ms, tonumber(seq) + 1)
return { DONE, redis.call('XTRIM', outbox, 'MINID', next_id) }
