--[[
mark_presence: who of a batch of waiting visitors is there. A held visitor (open socket) has no entry and costs
nothing, and a hold answers an open roll call; a lost socket gets the grace period, a poller's lease is renewed. Coming
back from away restores the place.

KEYS
  1 config    hash    rules
  2 pacer     hash    sequence, epoch
  3 presence  zset    visitor -> lease deadline, ms (even)
  4 roll      set     visitors named in the open roll call
  + queue     zset    visitor -> score, one per lane
  + away      zset    visitor -> score, one per lane
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 lanes     text    the lanes as the caller knows them
  + visitor   text    who
  + lane      index   from 1
  + mark      text    hold | grace | lease
REPLY {LOST} | {STALE} | {OK, sequence, now ms, then per visitor 1 waiting | 0 not}
COMPLEXITY O(B log N)
]]
local config, pacer, presence, roll = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
-- @include guard
-- @include lanes

local refused = refusal(ARGV[1], ARGV[2], ARGV[3])
if refused then return refused end
local now = now_ms()
local lanes = read_lanes(ARGV[3], 5)
local rules = redis.call('HMGET', config, 'presence.graceSeconds', 'presence.leaseSeconds')
local until_ms = { grace = lease_deadline(now, tonumber(rules[1])), lease = lease_deadline(now, tonumber(rules[2])) }
local roll_is_open = redis.call('HEXISTS', pacer, 'rollUntil') == 1
local reply = { OK, next_sequence(), now }

for i = 4, #ARGV, 3 do
  local visitor, lane, mark = ARGV[i], lanes[tonumber(ARGV[i + 1])], ARGV[i + 2]
  local away = redis.call('ZSCORE', lane.away, visitor)
  if away and mark ~= 'grace' then
    redis.call('ZREM', lane.away, visitor)
    redis.call('ZADD', lane.queue, tonumber(away), visitor)
  end
  local waiting = redis.call('ZSCORE', lane.queue, visitor)
  if not waiting or mark == 'hold' then
    redis.call('ZREM', presence, visitor)
    if waiting and roll_is_open then redis.call('SADD', roll, visitor) end
  else
    redis.call('ZADD', presence, until_ms[mark], visitor)
  end
  reply[#reply + 1] = waiting and 1 or 0
end
return reply
