--[[
renew_sessions: sets the deadline of a batch of sessions one session time from now, never to sooner than it was.
Never brings one back.

KEYS
  1 config    hash    rules
  2 pacer     hash    sequence, epoch
  3 active    zset    visitor -> session deadline, ms
  4 turns     hash    visitor -> turn:lapses:lane:score
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 channel   text    the room's broadcast
  + visitor   text    whose session
  + turn      count   the turn that opened it
REPLY {LOST} | {OK, sequence, now ms, then per session: its new deadline in ms, 0 = it is over}
COMPLEXITY O(B log N)
]]
local config, pacer, active, turns = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
-- @include guard
-- @include broadcast

local refused = refusal(ARGV[1], ARGV[2])
if refused then return refused end
local now = now_ms()
local rules = redis.call('HMGET', config, 'session.ttlSeconds', 'version')
local sequence = next_sequence()
local reply, lines = { OK, sequence, now }, {}

for i = 4, #ARGV, 2 do
  local visitor, deadline = ARGV[i], 0
  local turn = string.match(redis.call('HGET', turns, visitor) or '', '^%d+')
  local held = tonumber(redis.call('ZSCORE', active, visitor)) or 0
  if turn == ARGV[i + 1] and held > now then
    -- Never sooner than before: a token may have been given for as long as that.
    deadline = math.max(held, now + tonumber(rules[1]) * 1000)
    redis.call('ZADD', active, 'XX', deadline, visitor)
    lines[#lines + 1] = string.format('c %s %s %.0f', visitor, turn, deadline)
  end
  reply[#reply + 1] = deadline
end

broadcast(ARGV[3], sequence, now, tonumber(rules[2]), lines)
return reply
