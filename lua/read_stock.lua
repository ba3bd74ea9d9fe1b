--[[
read_stock: the units of several offers (or products of the stock API) of one partition, as of one moment.

KEYS
  1 epoch     string  the life of the data set
  + offer     hash    capacity, held, sold
  + members   hash    member -> units; its size says whether somebody new ordered
ARGV
  1 epoch_id  text    the caller's epoch
REPLY {0} not ready | {1, then per offer: capacity (-1 = never prepared), held, sold, members}
COMPLEXITY O(B)
]]
local epoch = KEYS[1]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local reply = { DONE }
for k = 2, #KEYS, 2 do
  local capacity, held, sold = read_units(KEYS[k])
  local at = #reply
  reply[at + 1], reply[at + 2], reply[at + 3] = capacity or -1, held, sold
  reply[at + 4] = redis.call('HLEN', KEYS[k + 1])
end
return reply
