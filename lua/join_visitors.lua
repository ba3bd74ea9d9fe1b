--[[
join_visitors: seats a batch of visitors, each once; an idle room gives the turn at once.

A visitor with a ticket gets the place back (from queue, away, admitted or active). A place that is over gives a
new one at the end, under the fresh id. A ticket of an older epoch, or a score above the newest given (the join
was lost with Redis's last moment), is seated again where it stood.

KEYS
  1 config    hash    rules, flags, version
  2 pacer     hash    bucket, sequence, epoch, counters
  3 presence  zset    visitor -> lease deadline, ms
  4 admitted  zset    visitor -> claim deadline, ms
  5 active    zset    visitor -> session deadline, ms
  6 turns     hash    visitor -> turn:lapses:lane:score
  7 over      hash    visitor -> why the place is over
  8 arrivals  hash    second modulo 60 -> second and joins in it
  + queue     zset    visitor -> score, one per lane
  + away      zset    visitor -> score, one per lane
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 lanes     text    the lanes as the caller knows them
  4 channel   text    the room's broadcast
  + join      text    `visitor:lane`, or of a ticket `visitor:lane:score:older:fresh`: lane from 1, older 1 when the
                      ticket is of an older epoch, fresh the id of a new place when this one is over
REPLY {LOST} | {STALE} | {OK, sequence, now ms, then per visitor: code, score, deadline ms,
  turn (codes 0 and 1: the position in the lane), fresh used 0|1}
  code: 0 new place, waiting; 1 same, waiting; 2 new, admitted at once; 3 same, admitted; 4 same, active;
  10 closed; 11 sold out; 12 drained; 13 full; 14 not yet open
COMPLEXITY O(B log N) for B visitors
]]
local config, pacer, presence, admitted = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local active, turns, over, arrivals = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
-- @include guard
-- @include rules
-- @include bucket
-- @include broadcast
-- @include lanes
-- @include admit
-- @include seats

local refused = refusal(ARGV[1], ARGV[2], ARGV[3])
if refused then return refused end
local now = now_ms()
local rules = read_rules()
local lanes = read_lanes(ARGV[3], 9)
local state = room_state(rules, now)
local closed_code = ({ closed = 10, ['sold-out'] = 11, drained = 12, scheduled = 14 })[state]
local sequence = next_sequence()
local room = open_seats(rules, lanes, now)
local reply, lines = { OK, sequence, now }, {}

for i = 5, #ARGV do
  local visitor, lane_index, ticket = string.match(ARGV[i], '^([^:]+):(%d+)(.*)$')
  local lane = lanes[tonumber(lane_index)]
  local code, score, deadline, turn, used = nil, 0, 0, 0, 0
  if ticket ~= '' then
    local held, older, fresh = string.match(ticket, '^:(%d+):(%d):(.+)$')
    code, score, deadline, turn = find_place(visitor, lane, tonumber(held), older == '1', room)
    if not code then visitor, used = fresh, 1 end
  end
  if not code then
    score, deadline, turn = 0, 0, 0
    if closed_code then
      code = closed_code
    elseif rules.max_waiting > 0 and room.waiting >= rules.max_waiting and not may_pass(room, state) then
      code = 13
    else
      code, score, deadline, turn = new_place(visitor, lane, room, state, lines)
    end
  end
  local at = #reply
  reply[at + 1], reply[at + 2], reply[at + 3], reply[at + 4], reply[at + 5] = code, score, deadline, turn, used
end

close_seats(room)
broadcast(ARGV[4], sequence, now, rules.version, lines)
return reply
