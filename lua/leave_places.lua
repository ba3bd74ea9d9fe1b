--[[
leave_places: takes a batch of visitors out: from the queue, from a turn, or from a session.

A place that left or was revoked is over for good; a session that ends early frees its capacity at once.

KEYS
  1 config    hash    rules, flags, version
  2 pacer     hash    sequence, epoch, counters
  3 presence  zset    visitor -> lease deadline, ms
  4 admitted  zset    visitor -> claim deadline, ms
  5 active    zset    visitor -> session deadline, ms
  6 turns     hash    visitor -> turn:lapses:lane:score
  7 over      hash    visitor -> why:lane:score
  8 drawn     zset    lane:visitor -> score of who is drawn
  9 ended     zset    visitor.turn -> latest expiry of a token, ms
  + queue     zset    visitor -> score, one per lane
  + away      zset    visitor -> score, one per lane
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 lanes     text    the lanes as the caller knows them
  4 channel   text    the room's broadcast
  + visitor   text    who goes
  + reason    text    left | revoked
REPLY {LOST} | {STALE} | {OK, sequence, now ms, then per visitor: 0 was not here, 1 waited, 2 had a turn, 3 had a session}
COMPLEXITY O(B log N)
]]
local config, pacer, presence, admitted = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local active, turns, over, drawn, ended_key = KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
-- @include guard
-- @include broadcast
-- @include lanes

local refused = refusal(ARGV[1], ARGV[2], ARGV[3])
if refused then return refused end
local now = now_ms()
local lanes = read_lanes(ARGV[3], 10)
-- Whoever leaves before the list of participants is closed is not drawn.
local list_is_open = redis.call('HEXISTS', pacer, 'draw.frozenAt') == 0
local sequence = next_sequence()
local reply, lines, left, ended = { OK, sequence, now }, {}, 0, 0

for i = 5, #ARGV, 2 do
  local visitor, reason, code, at = ARGV[i], ARGV[i + 1], 0, nil
  for _, lane in ipairs(lanes) do
    local score = redis.call('ZSCORE', lane.queue, visitor) or redis.call('ZSCORE', lane.away, visitor)
    if redis.call('ZREM', lane.queue, visitor) + redis.call('ZREM', lane.away, visitor) > 0 then
      code, at = 1, string.format('%s:%.0f', lane.name, tonumber(score))
      if list_is_open then redis.call('ZREM', drawn, lane.name .. ':' .. visitor) end
    end
  end
  local turn, known_at = string.match(redis.call('HGET', turns, visitor) or '0:0:-:0', '^(%d+):%d+:(.*)$')
  at = at or known_at
  if redis.call('ZREM', admitted, visitor) == 1 then code = 2 end
  local deadline = redis.call('ZSCORE', active, visitor)
  if deadline and redis.call('ZREM', active, visitor) == 1 then code = 3 end
  if code > 0 then
    redis.call('ZREM', presence, visitor)
    redis.call('HDEL', turns, visitor)
    if code < 3 or reason ~= 'left' then redis.call('HSET', over, visitor, reason .. ':' .. at) end
    if deadline then redis.call('ZADD', ended_key, 'GT', deadline, visitor .. '.' .. turn) end
    if code == 3 then ended = ended + 1 else left = left + 1 end
    local line = (code == 3 and 'e ' or 'q ') .. visitor .. ' ' .. turn .. ' ' .. reason
    local more = deadline and string.format('%.0f', tonumber(deadline)) or string.gsub(at, ':', ' ')
    lines[#lines + 1] = line .. ' ' .. more
  end
  reply[#reply + 1] = code
end

if left > 0 then redis.call('HINCRBY', pacer, 'left', left) end
if ended > 0 then redis.call('HINCRBY', pacer, 'ended', ended) end
broadcast(ARGV[4], sequence, now, tonumber(redis.call('HGET', config, 'version')), lines)
return reply
