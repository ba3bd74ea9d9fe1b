--[[
restore_room: puts back after a loss what a gateway remembers of a room, merging it with what survived and with what
other gateways put back; and while that goes on nobody is admitted: see settle.

Called in chunks, each may be repeated: who was given a turn, had a session, left, lapsed, was revoked or ended comes out
of the queues, and no session that ended comes back. Words are those of read_spent, plus: `s:lane:score` takes out
everybody in the lane up to the score, for a caller who puts back the exceptions next; `m:lane:score` the last
admitted; `z:score:why` the queue ended up to there (these three of the score's kind, drawn or arrived); `n:turn` the
highest; `k:capacity:held:sold:at` the stock; `p:0|1` the end, 1 = the caller knew everything. No word: the caller seats
its visitors meanwhile.

KEYS
  1 config    hash    rules, version
  2 pacer     hash    sequence, epoch, counters
  3 presence  zset    visitor -> lease deadline, ms
  4 admitted  zset    visitor -> claim deadline, ms
  5 active    zset    visitor -> session deadline, ms
  6 turns     hash    visitor -> turn:lapses:lane:score
  7 over      hash    visitor -> why:lane:score
  8 ended     zset    visitor.turn -> latest expiry of a token, ms
  9 drawn     zset    lane:visitor -> score of who is drawn
  + queue     zset    visitor -> score, one per lane
  + away      zset    visitor -> score, one per lane
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 lanes     text    the lanes as the caller knows them
  4 channel   text    the room's broadcast
  + word      text    one fact
REPLY {LOST} | {STALE} | {OK, sequence, now ms, 1 when the chunk must be sent again: a sweep is not done}
COMPLEXITY O(W log N) for W words
]]
local config, pacer, presence, admitted = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local active, turns, over, ended, drawn = KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]
-- @include guard
-- @include broadcast
-- @include lanes

local refused = refusal(ARGV[1], ARGV[2], ARGV[3])
if refused then return refused end
local now, sequence, lines, more = now_ms(), next_sequence(), {}, 0
local lanes = read_lanes(ARGV[3], 10)
local kept = redis.call('HMGET', pacer, 'openedAt', 'settleUntil', 'firstTurn', 'endedTo', 'endedDrawn')
local rules = redis.call('HMGET', config, 'claim.windowSeconds', 'presence.leaseSeconds', 'version')
local opened_at, settle_until = tonumber(kept[1]) or 0, tonumber(kept[2]) or 0
local settling, first_turn = now < settle_until, tonumber(kept[3]) or 0
local window, lease_until = tonumber(rules[1]) * 1000, lease_deadline(now, tonumber(rules[2]))
local list_is_open = redis.call('HEXISTS', pacer, 'draw.frozenAt') == 0

local function lane_named(name)
  for _, lane in ipairs(lanes) do
    if lane.name == name then return lane end
  end
  return lanes[1]
end
-- @include raise
-- @include passed
local up_to = { endedTo = tonumber(kept[4]) or -2, endedDrawn = tonumber(kept[5]) or -2 }
local function has_ended(score) return score <= up_to[ended_field(score)] end
-- @include put_back
-- @include put_exceptions
-- @include put_bounds
-- @include settle

stay_settling()
for i = 5, #ARGV do
  local visitor, name, score = string.match(ARGV[i], '^x:([^:]+):([^:]+):([^:]+)$')
  if visitor then
    put.x(visitor, name, score)
  else
    local letter, rest = string.match(ARGV[i], '^(%l):(.*)$')
    local parts = {}
    for part in string.gmatch(rest, '[^:]+') do parts[#parts + 1] = part end
    put[letter](unpack(parts))
  end
end
put_back_absent()

broadcast(ARGV[4], sequence, now, tonumber(rules[3]), lines)
return { OK, sequence, now, more }
