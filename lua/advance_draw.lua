--[[
advance_draw: one step of a draw whose list of participants is closed. Publishes the list's hash, writes scores, and
says what is to be done next. Any gateway may do any step, twice or out of turn: hash and scores follow from the list
and the seed. The one that holds the lease is given work, another when it stops for three seconds.

KEYS
  1 config    hash    rules, version
  2 pacer     hash    sequence, epoch, the draw
  3 drawn     zset    lane:visitor -> score, -1 = not yet
  + queue     zset    visitor -> score, one per lane
  + away      zset    visitor -> score, one per lane
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 lanes     text    the lanes as the caller knows them
  4 channel   text    the room's broadcast
  5 gateway   text    id of the caller
  6 hash      text    of the participants' list, empty = not known
  7 most      count   most participants to be told
  + member    text    lane:visitor
  + score     number  the place drawn
REPLY {LOST} | {STALE} | {OK, sequence, now ms, 0 nothing to do | 1 another gateway works | 2 hash the list
  | 3 the beacon's value is missing | 4 draw these, seed, beacon (empty = none), members...}
COMPLEXITY O((S + M) log N) for S scores and M members of N participants
]]
local config, pacer, drawn = KEYS[1], KEYS[2], KEYS[3]
-- @include guard
-- @include broadcast
-- @include lanes

local refused = refusal(ARGV[1], ARGV[2], ARGV[3])
if refused then return refused end
local now = now_ms()
local lanes = read_lanes(ARGV[3], 4)
local kept = redis.call('HMGET', pacer, 'draw.frozenAt', 'draw.written', 'draw.doneAt', 'draw.hash', 'draw.beacon',
  'draw.worker', 'draw.workerUntil', 'seq', 'draw.seed')
local rules = redis.call('HMGET', config, 'queue.beacon', 'version')
if not kept[1] or kept[2] or kept[3] then return { OK, tonumber(kept[8]), now, 0 } end

local sequence, hash = next_sequence(), kept[4]
if not hash and ARGV[6] ~= '' then
  hash = ARGV[6]
  redis.call('HSET', pacer, 'draw.hash', hash)
  broadcast(ARGV[4], sequence, now, tonumber(rules[2]), { 'd 0' })
end

local scored, by_name = {}, {}
for _, lane in ipairs(lanes) do
  lane.seats = {}
  by_name[lane.name] = lane
end
for i = 8, #ARGV, 2 do
  local name, visitor = string.match(ARGV[i], '^([^:]*):(.*)$')
  local seats = by_name[name] and by_name[name].seats or {}
  scored[#scored + 1], scored[#scored + 2] = ARGV[i + 1], ARGV[i]
  seats[#seats + 1], seats[#seats + 2] = ARGV[i + 1], visitor
end
if #scored > 0 then redis.call('ZADD', drawn, 'XX', unpack(scored)) end
for _, lane in ipairs(lanes) do
  if #lane.seats > 0 then
    -- Only who still stands there: some have left since the list was closed.
    redis.call('ZADD', lane.queue, 'XX', unpack(lane.seats))
    redis.call('ZADD', lane.away, 'XX', unpack(lane.seats))
  end
end

if kept[6] and kept[6] ~= ARGV[5] and now < tonumber(kept[7]) then return { OK, sequence, now, 1 } end
redis.call('HSET', pacer, 'draw.worker', ARGV[5], 'draw.workerUntil', string.format('%.0f', now + 3000))
if not hash then return { OK, sequence, now, 2 } end
if rules[1] and rules[1] ~= '' and not kept[5] then return { OK, sequence, now, 3 } end
local next_members = redis.call('ZRANGEBYSCORE', drawn, -1, -1, 'LIMIT', 0, ARGV[7])
if #next_members == 0 then
  redis.call('HSET', pacer, 'draw.written', 1)
  -- Wakes a room in which nobody waits any more: the tick ends the draw.
  broadcast(ARGV[4], sequence, now, tonumber(rules[2]), { 'd 0' })
  return { OK, sequence, now, 0 }
end
return { OK, sequence, now, 4, kept[9], kept[5] or '', unpack(next_members) }
