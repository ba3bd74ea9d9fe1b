--[[
read_room: one consistent view of a room. Reads only.

KEYS
  1 config    hash    rules, flags, version
  2 pacer     hash    bucket, sequence, epoch, counters
  3 admitted  zset    visitor -> claim deadline, ms
  4 active    zset    visitor -> session deadline, ms
  + queue     zset    visitor -> score, one per lane
  + away      zset    visitor -> score, one per lane
REPLY {now ms, config as field, value, ..., pacer as field, value, ..., admitted, active, then per lane waiting, away}
COMPLEXITY O(fields + lanes)
]]
local config, pacer, admitted, active = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
-- @include guard

local reply = { now_ms(), redis.call('HGETALL', config), redis.call('HGETALL', pacer),
  redis.call('ZCARD', admitted), redis.call('ZCARD', active) }
for i = 5, #KEYS do reply[#reply + 1] = redis.call('ZCARD', KEYS[i]) end
return reply
