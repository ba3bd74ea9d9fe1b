--[[
claim_turns: takes the turns of a batch of visitors and opens their sessions. Repeat-safe: a claim of a session that
lives answers it again. A turn past its deadline can be taken until the tick finds it.

KEYS
  1 config    hash    rules, flags, version
  2 pacer     hash    sequence, epoch, counters
  3 admitted  zset    visitor -> claim deadline, ms
  4 active    zset    visitor -> session deadline, ms
  5 turns     hash    visitor -> turn:lapses:lane:score
  6 over      hash    visitor -> why the place is over
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 channel   text    the room's broadcast
  + visitor   text    who claims
REPLY {LOST} | {OK, sequence, now ms, then per visitor: code, turn, deadline ms, claimBy ms}
  code: 0 claimed (claimBy: until when the turn could be claimed); 1 the same session again; 2 no turn; 3 lapsed
COMPLEXITY O(B log N)
]]
local config, pacer, admitted = KEYS[1], KEYS[2], KEYS[3]
local active, turns, over = KEYS[4], KEYS[5], KEYS[6]
-- @include guard
-- @include broadcast

local refused = refusal(ARGV[1], ARGV[2])
if refused then return refused end
local now = now_ms()
local rules = redis.call('HMGET', config, 'session.ttlSeconds', 'version')
local sequence = next_sequence()
local reply, lines = { OK, sequence, now }, {}

for i = 4, #ARGV do
  local visitor = ARGV[i]
  local turn = tonumber(string.match(redis.call('HGET', turns, visitor) or '', '^%d+')) or 0
  local code, deadline = 2, tonumber(redis.call('ZSCORE', active, visitor) or 0)
  local claim_by = tonumber(redis.call('ZSCORE', admitted, visitor) or 0)
  if deadline > now then
    code = 1
  elseif claim_by > 0 then
    redis.call('ZREM', admitted, visitor)
    code, deadline = 0, now + tonumber(rules[1]) * 1000
    redis.call('ZADD', active, deadline, visitor)
    lines[#lines + 1] = string.format('c %s %.0f %.0f', visitor, turn, deadline)
  elseif string.match(redis.call('HGET', over, visitor) or '', '^%a+') == 'lapsed' then
    code = 3
  end
  local at = #reply
  reply[at + 1], reply[at + 2], reply[at + 3], reply[at + 4] = code, turn, deadline, claim_by
end

if #lines > 0 then redis.call('HINCRBY', pacer, 'claimed', #lines) end
broadcast(ARGV[3], sequence, now, tonumber(rules[2]), lines)
return reply
