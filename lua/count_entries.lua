--[[
count_entries: of a batch of valid entry tokens that a gateway sees for the first time, which sessions live. One that
Redis does not know was lost with it: it is counted again until the token's end, above the capacity if need be.

KEYS
  1 config    hash    rules, version
  2 pacer     hash    sequence, epoch, counters
  3 presence  zset    visitor -> lease deadline, ms
  4 admitted  zset    visitor -> claim deadline, ms
  5 active    zset    visitor -> session deadline, ms
  6 turns     hash    visitor -> turn:lapses:lane:score
  7 over      hash    visitor -> why:lane:score
  8 ended     zset    visitor.turn -> latest expiry of a token, ms
  + queue     zset    visitor -> score, one per lane
  + away      zset    visitor -> score, one per lane
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 lanes     text    the lanes as the caller knows them
  4 channel   text    the room's broadcast
  + visitor   text    whose session
  + turn      count   the turn that opened it
  + expires   ms      the token's end
  + lane      text    its name
REPLY {LOST} | {STALE} | {OK, sequence, now ms, then per token: 0 over | 1 known | 2 counted again
  | 3 unknown to a room that was made without memory: not counted, the room is lost}
COMPLEXITY O(B log N)
]]
local config, pacer, presence, admitted = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local active, turns, over, ended = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
-- @include guard
-- @include broadcast
-- @include lanes
-- @include raise

local refused = refusal(ARGV[1], ARGV[2], ARGV[3])
if refused then return refused end
local now, sequence = now_ms(), next_sequence()
local lanes = read_lanes(ARGV[3], 9)
local kept = redis.call('HMGET', pacer, 'firstTurn', 'fresh')
local reply, lines = { OK, sequence, now }, {}

local function count_again(visitor, turn, expires, lane)
  for _, each in ipairs(lanes) do
    redis.call('ZREM', each.queue, visitor)
    redis.call('ZREM', each.away, visitor)
  end
  redis.call('ZREM', presence, visitor)
  redis.call('ZREM', admitted, visitor)
  redis.call('ZADD', active, expires, visitor)
  local score = string.match(redis.call('HGET', turns, visitor) or '', ':(%d+)$') or '0'
  redis.call('HSET', turns, visitor, turn .. ':0:' .. lane .. ':' .. score)
  -- From 2^50 on they are of gateways that were without Redis, and not of its counter.
  if tonumber(turn) < 1125899906842624 then raise('turn', turn) end
  lines[#lines + 1] = 'c ' .. visitor .. ' ' .. turn .. ' ' .. expires
end

local function look_at(visitor, turn, expires, lane)
  local why = string.match(redis.call('HGET', over, visitor) or '', '^%a+')
  if tonumber(turn) <= (tonumber(kept[1]) or 0) or tonumber(expires) <= now or why == 'revoked'
    or redis.call('ZSCORE', ended, visitor .. '.' .. turn) then return 0 end
  local known = tonumber(string.match(redis.call('HGET', turns, visitor) or '', '^%d+')) or 0
  if redis.call('ZSCORE', active, visitor) and known >= tonumber(turn) then return 1 end
  if kept[2] and known ~= tonumber(turn) then return 3 end
  count_again(visitor, turn, expires, lane)
  return 2
end

for i = 5, #ARGV, 4 do
  reply[#reply + 1] = look_at(ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3])
end
broadcast(ARGV[4], sequence, now, tonumber(redis.call('HGET', config, 'version')), lines)
return reply
