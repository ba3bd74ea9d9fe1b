-- Needs the local pacer, and the caller's epoch, found to be the room's, as ARGV[1]. One message of the room's channel: a header line
-- `epochId sequence message now version`, then a line an event. The message number has no gaps, so a gateway
-- that missed one knows; the sequence counts every write, published or not.
local function broadcast(channel, sequence, now, version, lines)
  if #lines == 0 then return end
  local message = redis.call('HINCRBY', pacer, 'message', 1)
  local head = string.format('%s %.0f %.0f %.0f %.0f', ARGV[1], sequence, message, now, version)
  table.insert(lines, 1, head)
  redis.call('PUBLISH', channel, table.concat(lines, '\n'))
end
