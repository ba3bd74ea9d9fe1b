--[[
read_participants: a part of those who are drawn, ascending by score, equal ones by the bytes of lane:visitor. Before
the draw all scores are -1, so that is the list whose hash is published. Reads only.

KEYS
  1 config    hash    rules
  2 pacer     hash    sequence, epoch
  3 drawn     zset    lane:visitor -> score, -1 = not yet
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 from      count   how many to pass over
  4 most      count   how many to read
REPLY {LOST} | {OK, sequence, now ms, then per participant: lane:visitor, score}
COMPLEXITY O(log N + M) for M of N participants
]]
local config, pacer, drawn = KEYS[1], KEYS[2], KEYS[3]
-- @include guard

local refused = refusal(ARGV[1], ARGV[2])
if refused then return refused end
local from = tonumber(ARGV[3])
local some = redis.call('ZRANGE', drawn, from, from + tonumber(ARGV[4]) - 1, 'WITHSCORES')
local reply = { OK, tonumber(redis.call('HGET', pacer, 'seq')), now_ms() }
-- More than Lua unpacks.
for i, word in ipairs(some) do reply[i + 3] = word end
return reply
