--[[
read_spent: a page of what a room must not forget: turns and sessions, places that are over, sessions that ended before
their tokens, and the exceptions below the last admitted score. Reads only. In words, so that what is read here can
be put back by restore_room: `a`, `c` or `w:visitor:turn:lapses:lane:score:deadline` has a turn, a session, or waits
again after a lapse; `x:visitor:lane:score` is an exception; `q:visitor:why:lane:score` is over;
`e:visitor:turn:until` ended.

KEYS
  1 config    hash    rules
  2 pacer     hash    sequence, epoch, last admitted scores
  3 admitted  zset    visitor -> claim deadline, ms
  4 active    zset    visitor -> session deadline, ms
  5 turns     hash    visitor -> turn:lapses:lane:score
  6 over      hash    visitor -> why:lane:score
  7 ended     zset    visitor.turn -> latest expiry of a token, ms
  + queue     zset    visitor -> score, one per lane
  + away      zset    visitor -> score, one per lane
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 lanes     text    the lanes as the caller knows them
  4 part      text    turns | over | ended | number of a lane, from 1
  5 cursor    text    0 = from the start
REPLY {LOST} | {STALE} | {OK, sequence, now ms, cursor of the next page or 0, words...}
COMPLEXITY O(page log N), a page has some 500 words
]]
local config, pacer, admitted, active = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local turns, over, ended = KEYS[5], KEYS[6], KEYS[7]
-- @include guard
-- @include lanes

local refused = refusal(ARGV[1], ARGV[2], ARGV[3])
if refused then return refused end
local reply = { OK, tonumber(redis.call('HGET', pacer, 'seq')), now_ms(), '0' }
local part, cursor, PAGE = ARGV[4], ARGV[5], 500

local function tell(...) reply[#reply + 1] = table.concat({ ... }, ':') end

local function scan(command, key, each)
  local page = redis.call(command, key, cursor, 'COUNT', PAGE)
  reply[4] = page[1]
  for i = 1, #page[2], 2 do each(page[2][i], page[2][i + 1]) end
end

local function tell_turn(visitor, turn)
  local claim_by, deadline = redis.call('ZSCORE', admitted, visitor), redis.call('ZSCORE', active, visitor)
  tell(claim_by and 'a' or deadline and 'c' or 'w', visitor, turn, claim_by or deadline or '0')
end

local function tell_exceptions(lane)
  scan('ZSCAN', lane.away, function(visitor, score)
    tell('x', visitor, lane.name, string.format('%.0f', tonumber(score)))
  end)
  if cursor ~= '0' then return end
  local last = redis.call('HGET', pacer, 'last:' .. lane.name) or '-inf'
  local back = redis.call('ZRANGEBYSCORE', lane.queue, '-inf', last, 'WITHSCORES', 'LIMIT', 0, PAGE)
  for i = 1, #back, 2 do tell('x', back[i], lane.name, string.format('%.0f', tonumber(back[i + 1]))) end
end

if part == 'turns' then
  scan('HSCAN', turns, tell_turn)
elseif part == 'over' then
  scan('HSCAN', over, function(visitor, why) tell('q', visitor, why) end)
elseif part == 'ended' then
  scan('ZSCAN', ended, function(jti, till) tell('e', (string.gsub(jti, '%.(%d+)$', ':%1')), till) end)
else
  tell_exceptions(read_lanes(ARGV[3], 8)[tonumber(part)])
end
return reply
