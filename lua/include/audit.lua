-- Needs the locals config, pacer, audit. Every change of rules or flags: version, audit entry, bucket filled to
-- this moment at the old rate (call before the change), and an event line `v`.
local function record_change(now, author, action, reason, details)
  local version = redis.call('HINCRBY', config, 'version', 1)
  redis.call('XADD', audit, 'MAXLEN', '~', 10000, '*', 'at', string.format('%.0f', now), 'version', version,
    'author', author, 'action', action, 'reason', reason, unpack(details))
  return version
end
