--[[
join_visitors: seats a batch of visitors, each once; an idle room gives the turn at once.

A visitor with a ticket gets the place back (from queue, away, admitted or active). A place that is over gives a
new one at the end, under the fresh id. One that is not known, but lies above the last admitted score and is not known
to be over, is seated again where it stood: it was lost with Redis's last moment, or is of an older epoch.

KEYS
  1 config    hash    rules, flags, version
  2 pacer     hash    bucket, sequence, epoch, counters
  3 presence  zset    visitor -> lease deadline, ms
  4 admitted  zset    visitor -> claim deadline, ms
  5 active    zset    visitor -> session deadline, ms
  6 turns     hash    visitor -> turn:lapses:lane:score
  7 over      hash    visitor -> why the place is over
  8 arrivals  hash    second modulo 60 -> second and joins in it
  9 drawn     zset    lane:visitor -> score of who joined before the opening, -1 = not yet
  10 codes        hash hash of a code -> batch:times used
  11 code_batches hash batch -> lane:uses:until:...; used:<batch>
  + queue     zset    visitor -> score, one per lane
  + away      zset    visitor -> score, one per lane
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 lanes     text    the lanes as the caller knows them
  4 channel   text    the room's broadcast
  + join      text    `visitor:lane`, or of a ticket `visitor:lane:score:fresh`: lane from 1, fresh the id of a
                      new place when this one is over,
                      `-` = none is wanted: then code 0, score 0; behind either `#<hash of a code>`
REPLY {LOST} | {STALE} | {OK, sequence, now ms, then per visitor: code, score, deadline ms,
  turn (codes 0 and 1: the position in the lane), fresh used 0|1, + 2 x lane that a code has granted}
  code: 0 new place, waiting; 1 same, waiting; 2 new, admitted at once; 3 same, admitted; 4 same, active;
  10 closed; 11 sold out; 12 drained; 13 full; 14 not yet open; 15 the caller must read the draw first:
  the lottery has no commitment yet, or the draw is made and the caller does not know; 16 needs a code that grants it
  score -1: a place in the draw
COMPLEXITY O(B log N) for B visitors
]]
local config, pacer, presence, admitted = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local active, turns, over, arrivals = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local drawn, codes, code_batches = KEYS[9], KEYS[10], KEYS[11]
-- @include guard
-- @include rules
-- @include bucket
-- @include broadcast
-- @include lanes
-- @include admit
-- @include seats
-- @include codes

local refused = refusal(ARGV[1], ARGV[2], ARGV[3])
if refused then return refused end
local now = now_ms()
local rules = read_rules()
local lanes = read_lanes(ARGV[3], 12)
local state = room_state(rules, now)
local closed_code = ({ closed = 10, ['sold-out'] = 11, drained = 12, scheduled = 14 })[state]
local unsealed = rules.method == 'lottery' and rules.draw.sealedAt == 0
local sequence = next_sequence()
local room = open_seats(rules, lanes, now)
local reply, lines = { OK, sequence, now }, {}

for i = 5, #ARGV do
  local visitor, lane_index, ticket, hash = string.match(ARGV[i], '^([^:]+):(%d+)([^#]*)#?(.*)$')
  local lane = lanes[tonumber(lane_index)]
  local code, score, deadline, turn, used, held, fresh, grant = nil, 0, 0, 0, 0, nil, nil, nil
  if unsealed then
    code = 15
  elseif ticket ~= '' then
    held, fresh = string.match(ticket, '^:(%-?%d+):(.+)$')
    code, score, deadline, turn = find_place(visitor, lane, tonumber(held), room)
    if not code then visitor, used = fresh, 1 end
    if visitor == '-' then code, score, deadline, turn = 0, 0, 0, 0 end
  end
  grant, code = weigh_code(hash, code, lane, lanes, now)
  if grant and fresh then visitor, used = fresh, 1 end
  if not code then
    score, deadline, turn = 0, 0, 0
    if closed_code then
      code = closed_code
    elseif rules.max_waiting > 0 and room.waiting >= rules.max_waiting and not may_pass(room, state) then
      code = 13
    elseif rules.invite_only == 1 and not grant then
      code = 16
    else
      -- A place that is over takes its lane with it: what it was given for has been used.
      if fresh then lane = lanes[1] end
      if grant then lane, used = use_code(grant), used + 2 * grant.at end
      code, score, deadline, turn = new_place(visitor, lane, room, state, lines)
    end
  end
  local at = #reply
  reply[at + 1], reply[at + 2], reply[at + 3], reply[at + 4], reply[at + 5] = code, score, deadline, turn, used
end

close_seats(room)
broadcast(ARGV[4], sequence, now, rules.version, lines)
return reply
