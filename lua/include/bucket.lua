-- Needs the local pacer. The token bucket: filled by the Redis time elapsed since its last fill, at most B.
-- B = max(burst, 1 + two slots' worth of the rate); a slot is 50 ms, so two are rate / 600.
local function bucket_bound(rules)
  return math.max(rules.burst, 1 + rules.rate / 600)
end

local function fill_bucket(rules, now)
  local kept = redis.call('HMGET', pacer, 'bucket', 'filledAt')
  local elapsed = math.max(0, now - (tonumber(kept[2]) or now))
  return math.min(bucket_bound(rules), (tonumber(kept[1]) or 0) + elapsed * rules.rate / 60000)
end

local function store_bucket(rules, tokens, now)
  tokens = math.min(tokens, bucket_bound(rules))
  redis.call('HSET', pacer, 'bucket', string.format('%.6f', tokens), 'filledAt', string.format('%.0f', now))
end
