-- Needs the local pacer. Counters that never fall.
local function raise(field, least)
  local kept = tonumber(redis.call('HGET', pacer, field)) or 0
  redis.call('HSET', pacer, field, string.format('%.0f', math.max(kept, tonumber(least))))
end
