--[[
enter_admitted: enters the turns, sessions and places that a gateway gave while Redis was away (`onFailure`).

Whoever was let in waits no longer, counts as admitted or active, and took a token: the bucket may owe as much as it may
keep, so that the bound holds across the outage. A turn that Redis had given itself has taken its token already, unless
it has lapsed meanwhile. Repeat-safe: what is known stays as it is.

KEYS
  1 config    hash    rules, flags, version
  2 pacer     hash    bucket, sequence, epoch, counters
  3 presence  zset    visitor -> lease deadline, ms
  4 admitted  zset    visitor -> claim deadline, ms
  5 active    zset    visitor -> session deadline, ms
  6 turns     hash    visitor -> turn:lapses:lane:score
  7 over      hash    visitor -> why:lane:score
  + queue     zset    visitor -> score, one per lane
  + away      zset    visitor -> score, one per lane
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 lanes     text    the lanes as the caller knows them
  4 channel   text    the room's broadcast
  5 run       count   the run in which all this was given
  + visitor   text    who was let in, or has come
  + stage     text    a has a turn, c a session, w waits
  + lane      index   from 1
  + score     number  of the place
  + turn      count   its number, 0 = none
  + deadline  ms      of the claim or of the session; may have passed: then the next tick ends it
REPLY {LOST} | {STALE} | {OK, sequence, now ms, then per visitor a code}
  code: 0 entered; 1 known already; 2 refused: of an earlier run, left or revoked
COMPLEXITY O(B log N)
]]
local config, pacer, presence, admitted = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local active, turns, over = KEYS[5], KEYS[6], KEYS[7]
-- @include guard
-- @include rules
-- @include bucket
-- @include broadcast
-- @include lanes
-- @include entered

local refused = refusal(ARGV[1], ARGV[2], ARGV[3])
if refused then return refused end
local now = now_ms()
local rules, lanes = read_rules(), read_lanes(ARGV[3], 8)
local sequence = next_sequence()
local is_this_run = redis.call('HGET', pacer, 'run') == ARGV[5]
local reply, lines = { OK, sequence, now }, {}
local taken, counts = 0, { turn = 0, joined = 0, claimed = 0 }

for i = 6, #ARGV, 6 do
  local visitor, stage, lane = ARGV[i], ARGV[i + 1], lanes[tonumber(ARGV[i + 2])]
  local code, is_new, takes, is_given = 2, false, false, false
  if is_this_run and stage == 'w' then
    code = enter_place(visitor, lane, ARGV[i + 3], lanes, lease_deadline(now, rules.lease))
    is_new = code == 0
  elseif is_this_run then
    code, is_new, takes, is_given = enter_turn(visitor, stage, lane, ARGV[i + 3], ARGV[i + 4], ARGV[i + 5], lanes, lines)
  end
  if is_new then counts.joined = counts.joined + 1 end
  if takes then taken = taken + 1 end
  if is_given then counts.turn = counts.turn + 1 end
  if code == 0 and stage == 'c' then counts.claimed = counts.claimed + 1 end
  reply[#reply + 1] = code
end

local tokens = fill_bucket(rules, now) - taken
store_bucket(rules, math.max(tokens, -bucket_bound(rules)), now)
for field, by in pairs(counts) do
  if by > 0 then redis.call('HINCRBY', pacer, field, by) end
end
broadcast(ARGV[4], sequence, now, rules.version, lines)
return reply
