--[[
seal_draw: gives the run of a lottery its seed, once; the commitment is public from then on, and nobody can join
before. Also puts back what a gateway knows of the run's draw and Redis does not. Nothing that is there is changed.

KEYS
  1 config     hash    rules, version
  2 pacer      hash    sequence, epoch, the draw
ARGV
  1 epochId    text    the caller's epoch
  2 sequence   count   the highest the caller has seen
  3 channel    text    the room's broadcast
  4 run        count   the run that the seed is for
  5 seed       text    32 random bytes in hex
  6 commitment text    SHA-256 of those bytes in hex
  + field      text    of the draw, such as draw.hash
  + value      text    its value
REPLY {LOST} | {OK, sequence, now ms, 1 sealed | 0 not: another run, no lottery, or it has another seed}
COMPLEXITY O(fields)
]]
local config, pacer = KEYS[1], KEYS[2]
-- @include guard
-- @include broadcast

local refused = refusal(ARGV[1], ARGV[2])
if refused then return refused end
local now = now_ms()
local kept = redis.call('HMGET', pacer, 'run', 'draw.seed', 'seq')
local rules = redis.call('HMGET', config, 'queue.method', 'version')
local other = kept[2] and kept[2] ~= ARGV[5]
if kept[1] ~= ARGV[4] or other or (not kept[2] and rules[1] ~= 'lottery') then
  return { OK, tonumber(kept[3]), now, 0 }
end
local sequence = next_sequence()
redis.call('HSETNX', pacer, 'draw.seed', ARGV[5])
redis.call('HSETNX', pacer, 'draw.commitment', ARGV[6])
for i = 7, #ARGV, 2 do redis.call('HSETNX', pacer, ARGV[i], ARGV[i + 1]) end
redis.call('HSETNX', pacer, 'draw.sealedAt', string.format('%.0f', now))
broadcast(ARGV[3], sequence, now, tonumber(rules[2]), { 'd 0' })
return { OK, sequence, now, 1 }
