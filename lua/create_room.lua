--[[
create_room: makes a room unless it exists, or opens a new epoch in place of one that was lost.

What survived a loss stays, but for that of an earlier run. Nobody is admitted before the settling time has passed,
and that is a roll call: who waits and is not named by its end comes under the grace period. An epoch that was opened
by a start without memory (`fresh`) gives way to a caller who remembers another. The newest rules win, whoever opens.

KEYS
  1 config    hash    rules, flags, version
  2 pacer     hash    bucket, sequence, epoch, counters
  3 audit     stream  who changed what and why
  4 roll      set     visitors named in the open roll call
  + part      zset    any other key of the room, of any type: freed when what survived is of an earlier run
ARGV
  1 epochId   text    random id for the new epoch
  2 lastEpoch count   the highest E the caller has known, 0 = none
  3 run       count   the room's run
  4 settle    ms      settling time, 0 for a fresh start
  5 replaces  text    id of the epoch that is given up, empty = only a room that does not exist
  6 author    text    who creates it
  7 version   count   of the caller's rules, 0 = of a new room
  8 turn      count   turns that the caller knows of
  9 firstTurn count   turns given before this run
  10 hold     ms      nobody knows who is inside: how long to admit nobody, 0 = somebody knows
  11 reason   text    why, may be empty
  + field     text    of config, or `draw.`: of the run's draw, for the pacer
  + value     text    its value
REPLY {0 existed | 1 created | 2 was deleted: no epoch that was lost can take its place, now ms}
COMPLEXITY O(fields)
]]
local config, pacer, audit, roll = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
-- @include guard
-- @include audit
-- @include server
-- @include epoch
-- @include raise

local now = now_ms()
local deleted = redis.call('HDEL', pacer, ARGV[5] == '' and 'deletedAt' or 'none') == 1
if redis.call('HEXISTS', pacer, 'deletedAt') == 1 then return { 2, now } end
local replaces, version, run = ARGV[5], tonumber(ARGV[7]), tonumber(ARGV[3])
local kept = redis.call('HMGET', pacer, 'epochId', 'epoch', 'run', 'fresh', 'rulesFrom', 'rulesVersion', 'guess', 'guessed')
local exists = kept[1] and redis.call('EXISTS', config) == 1
local kept_epoch, kept_run = tonumber(kept[2]) or 0, tonumber(kept[3]) or run
local kept_version = exists and tonumber(redis.call('HGET', config, 'version')) or 0

local is_guess = kept[4] or kept[7]
local gives_way = replaces ~= '' and (kept[4] or (kept[7] and run > kept_run))

local function put_rules()
  redis.call('UNLINK', config)
  for i = 12, #ARGV, 2 do
    if string.sub(ARGV[i], 1, 5) ~= 'draw.' then redis.call('HSET', config, ARGV[i], ARGV[i + 1]) end
  end
  redis.call('HSET', config, 'version', math.max(version, kept_version))
end

if exists and kept[1] ~= replaces and kept_epoch > tonumber(ARGV[2]) and not gives_way then
  -- Whoever opened the epoch had missed a change that this caller knows, and nobody has made another since.
  if version > (tonumber(kept[5]) or version) and kept_version == tonumber(kept[6]) then
    put_rules()
    local changed = record_change(now, ARGV[6], 'recover', 'newer rules', {})
    redis.call('HSET', pacer, 'rulesFrom', version, 'rulesVersion', changed)
  end
  return { 0, now }
end

-- Until a ticket or a gateway tells the run of a fresh start it is a guess: places stay, and their tickets are known by
-- the ids of these epochs.
if is_guess then
  redis.call('HSET', pacer, 'guessed', kept[8] and kept[8] .. ',' .. kept[1] or kept[1])
elseif run > kept_run then
  redis.call('UNLINK', pacer)
  for i = 5, #KEYS do redis.call('UNLINK', KEYS[i]) end
end
open_epoch(ARGV[1], math.max(tonumber(ARGV[2]), kept_epoch), now, tonumber(ARGV[4]))
for field, least in pairs({ run = run, turn = ARGV[8], firstTurn = ARGV[9] }) do raise(field, least) end
-- Of the run's draw nothing changes that is known; only the seed of a start without memory gives way.
for i = 12, #ARGV, 2 do
  if string.sub(ARGV[i], 1, 5) == 'draw.' then redis.call(kept[4] and 'HSET' or 'HSETNX', pacer, ARGV[i], ARGV[i + 1]) end
end
local newer = not exists or kept[4] or version > kept_version
if newer then put_rules() end
if deleted then
  redis.call('PERSIST', audit)
elseif replaces == '' then
  redis.call('HSET', pacer, 'fresh', 1)
else
  redis.call('UNLINK', roll)
  redis.call('HSET', pacer, 'rollUntil', redis.call('HGET', pacer, 'settleUntil'), 'rollLane', 1, 'rollFrom', '-inf')
end
if tonumber(ARGV[10]) > 0 then
  redis.call('HSET', pacer, 'holdUntil', string.format('%.0f', now + tonumber(ARGV[10])))
  if is_guess and run <= kept_run then redis.call('HSET', pacer, 'guess', 1) end
end
local changed = record_change(now, ARGV[6], replaces == '' and 'create' or 'recover', ARGV[11], {})
redis.call('HSET', pacer, 'rulesFrom', newer and version or kept_version, 'rulesVersion', changed)
return { 1, now }
