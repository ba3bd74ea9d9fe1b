--[[
look_up_visitors: where a batch of visitors stands. Reads only.

KEYS
  1 config    hash    rules
  2 pacer     hash    sequence, epoch, last admitted scores
  3 admitted  zset    visitor -> claim deadline, ms
  4 active    zset    visitor -> session deadline, ms
  5 turns     hash    visitor -> turn:lapses:lane:score
  6 over      hash    visitor -> why the place is over
  7 drawn     zset    lane:visitor -> score of who is drawn
  + queue     zset    visitor -> score, one per lane
  + away      zset    visitor -> score, one per lane
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 lanes     text    the lanes as the caller knows them
  + visitor   text    who
  + lane      index   from 1
  + score     number  of the ticket, -1 = of the draw, -2 = of none that can be
REPLY {LOST} | {STALE} | {OK, sequence, now ms, then per visitor: code, score, deadline ms, turn, rank from 0}
  code: 0 waiting; 1 away; 2 admitted; 3 active; 4 ended; 5 lapsed; 6 left; 7 revoked; 8 rejected (sold out);
  9 rejected (closed); 10 unknown (a join that was lost: join again)
COMPLEXITY O(B log N)
]]
local config, pacer, admitted = KEYS[1], KEYS[2], KEYS[3]
local active, turns, over, drawn = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
-- @include guard
-- @include lanes
-- @include ended

local refused = refusal(ARGV[1], ARGV[2], ARGV[3])
if refused then return refused end
local lanes = read_lanes(ARGV[3], 8)
local kept = redis.call('HMGET', pacer, 'seq', 'endedBy', 'draw.endedAt')
local over_codes = { served = 4, lapsed = 5, left = 6, revoked = 7 }

local function find(visitor, lane, score)
  if score == -1 then score = tonumber(redis.call('ZSCORE', drawn, lane.name .. ':' .. visitor)) or score end
  local turn = tonumber(string.match(redis.call('HGET', turns, visitor) or '', '^%d+')) or 0
  local waiting = redis.call('ZSCORE', lane.queue, visitor)
  if waiting then return 0, tonumber(waiting), 0, turn, redis.call('ZRANK', lane.queue, visitor) end
  local claim_by = redis.call('ZSCORE', admitted, visitor)
  if claim_by then return 2, score, tonumber(claim_by), turn, 0 end
  local deadline = redis.call('ZSCORE', active, visitor)
  if deadline then return 3, score, tonumber(deadline), turn, 0 end
  local away = redis.call('ZSCORE', lane.away, visitor)
  if away then return 1, tonumber(away), 0, turn, 0 end
  local why = over_codes[string.match(redis.call('HGET', over, visitor) or '', '^%a+')]
  if why then return why, score, 0, 0, 0 end
  local was_served = score >= 0 and score <= last_admitted(lane.name, score)
  if was_served or score == -2 and not kept[3] then return 4, score, 0, 0, 0 end
  if score > -2 and not ended_with_queue(visitor, lane, score) then return 10, score, 0, 0, 0 end
  return kept[2] == 'closed' and 9 or 8, score, 0, 0, 0
end

local reply = { OK, tonumber(kept[1]), now_ms() }
for i = 4, #ARGV, 3 do
  local code, score, deadline, turn, rank = find(ARGV[i], lanes[tonumber(ARGV[i + 1])], tonumber(ARGV[i + 2]))
  local at = #reply
  reply[at + 1], reply[at + 2], reply[at + 3], reply[at + 4], reply[at + 5] = code, score, deadline, turn, rank
end
return reply
