-- Shared by the scripts of the stock. A partition without its epoch, or with another, must not be touched: it was
-- emptied or replaced, and is rebuilt first.
local NOT_READY, DONE, SAME = 0, 1, 2

local function not_ready(epoch_key, epoch)
  return redis.call('GET', epoch_key) ~= epoch
end

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- A whole number in [least, 2^53), or nil: nothing that Lua or JSON would round comes in.
local function whole(text, least)
  if not text or #text > 16 or not string.find(text, '^%d+$') then return nil end
  local number = tonumber(text)
  if number < least or number >= 9007199254740992 then return nil end
  return number
end

-- capacity, held, sold; capacity is nil when the key was never prepared.
local function read_units(key)
  local units = redis.call('HMGET', key, 'capacity', 'held', 'sold')
  return tonumber(units[1]), tonumber(units[2] or 0), tonumber(units[3] or 0)
end
