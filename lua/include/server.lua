-- Which Redis process this is. Another one than the epoch was opened on (a restart, a fail-over) may have lost its
-- last moment, and gateways that write on before the one that knows more is back would hide it: so it is a loss.
local function server_id()
  local text = redis.pcall('INFO', 'server')
  return type(text) == 'string' and string.match(text, 'run_id:(%x+)') or ''
end
