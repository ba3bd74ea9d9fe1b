-- Needs the locals config, pacer, audit. Every change of rules or flags: version, audit entry, bucket filled to
-- this moment at the old rate (call before the change), and an event line `v`.
local function record_change(now, author, action, reason, details)
  local version = redis.call('HINCRBY', config, 'version', 1)
  redis.call('XADD', audit, 'MAXLEN', '~', 10000, '*', 'at', string.format('%.0f', now), 'version', version,
    'author', author, 'action', action, 'reason', reason, unpack(details))
  return version
end

-- What is done to a room and changes no rule: an entry of its own at the version as it is.
local function record_note(now, author, action, reason, details)
  redis.call('XADD', audit, 'MAXLEN', '~', 10000, '*', 'at', string.format('%.0f', now), 'version',
    redis.call('HGET', config, 'version') or '0', 'author', author, 'action', action, 'reason', reason, unpack(details))
end
