--[[
tick_room: one slot's work of a room. Every gateway calls it; the first in a slot of 50 ms of Redis time works.

Ends sessions and lapses turns that are due, fills the bucket, calls and strikes the absent (a dead gateway's by a roll
call), admits what tokens and capacity allow from the lanes by weight, publishes it. No leader; repeat-safe: a second
call in the slot does nothing. A slot does at most 500 of all that is due and 500 admissions; a stall is worked off.

KEYS
  1 config    hash    rules, flags, version
  2 pacer     hash    bucket, slot, sequence, epoch, counters
  3 presence  zset    visitor -> lease deadline, ms; odd = called
  4 admitted  zset    visitor -> claim deadline, ms
  5 active    zset    visitor -> session deadline, ms
  6 turns     hash    visitor -> turn:lapses:lane:score
  7 over      hash    visitor -> why:lane:score
  8 history   stream  one sample a second
  9 holders   zset    gateway -> lease deadline, ms
  10 roll     set     visitors named in the open roll call
  11 drawn    zset    lane:visitor -> score of who is drawn
  12 ended    zset    visitor.turn -> latest expiry of a token, ms
  + queue     zset    visitor -> score, one per lane
  + away      zset    visitor -> score, one per lane
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 lanes     text    the lanes as the caller knows them
  4 channel   text    the room's broadcast
  5 gateway   text    id of a caller that holds sockets and renews its lease now; empty = not now
REPLY {LOST} | {STALE} | {OK, sequence, now ms, worked 0|1, admitted, next deadline ms or 0, waiting, inside, lapsed}
COMPLEXITY O(A log N) for A admissions; in twelve slots of a second also 84 ids and 5 ranks per lane
]]
local config, pacer, presence, admitted = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local active, turns, over, history = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
local holders, roll, drawn, ended = KEYS[9], KEYS[10], KEYS[11], KEYS[12]
-- @include guard
-- @include rules
-- @include bucket
-- @include broadcast
-- @include lanes
-- @include deadlines
-- @include end_queue
-- @include share
-- @include sketch
-- @include roll_call
-- @include upkeep
-- @include every_second

local refused = refusal(ARGV[1], ARGV[2], ARGV[3])
if refused then return refused end
local now = now_ms()
keep_holder(ARGV[5], now)
local slot = math.floor(now / 50)
local kept = redis.call('HMGET', pacer, 'slot', 'settleUntil', 'sketchAt', 'seq', 'sketched', 'pieces', 'server', 'holdUntil')
local behind = (tonumber(kept[1]) or 0) - slot
-- A clock that was set back by more than a second must not stop the room.
if behind >= 0 and behind <= 20 then return { OK, tonumber(kept[4]), now, 0, 0, 0, 0, 0, 0 } end

local is_new_second = math.floor(now / 1000) ~= tonumber(kept[3])
local rules, lanes, lines = read_rules(), read_lanes(ARGV[3], 13), {}
if has_moved(kept[7], behind, is_new_second, lanes) then return { LOST } end
local sequence = next_sequence()

local sessions_due, turns_due, absent_due = share_slot(now)
end_sessions(sessions_due, lines)
local lapsed = lapse_turns(rules, lanes, now, turns_due, lines)
local tokens = fill_bucket(rules, now) + lapsed
walk_roll(lanes, rules, now)
call_and_strike(lanes, now, absent_due, lines)
local waiting = waiting_in(lanes)
local inside = redis.call('ZCARD', admitted) + redis.call('ZCARD', active)
local settled = now >= paused_until(kept[2], kept[8], behind)
local has_drawn = move_draw(rules, drawn, now, settled, lines)
local before_opening, passes = is_before_opening(rules, now), rules.method == 'passthrough'
local state = room_state(rules, now)
local serving = (state == 'open' or state == 'drained') and settled and not before_opening
local given = 0
if (state == 'closed' or state == 'sold-out') and somebody_stands(lanes) then waiting = end_queue(lanes, state, now, lines) end
if serving and waiting > 0 then
  local most = passes and 500 or math.min(math.floor(tokens + 1e-6), rules.capacity - inside, 500)
  if most > 0 then given = admit_by_weight(lanes, math.min(most, waiting), rules, now, lines) end
end
store_bucket(rules, passes and tokens or tokens - given, now)

local emptied = waiting == given and (tonumber(kept[5]) or 0) > 0
local pieces = tell_numbers(lanes, now, tonumber(kept[6]) or 0, emptied or has_drawn, is_new_second, awaits_draw(rules), lines)
redis.call('HSET', pacer, 'slot', string.format('%.0f', slot), 'pieces', pieces)
broadcast(ARGV[4], sequence, now, rules.version, lines)
return { OK, sequence, now, 1, given, next_deadline(), waiting - given, inside + given, lapsed }
