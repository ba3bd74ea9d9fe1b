--[[
forget_orders: lets orders go after a while whose final version is in Postgres; the others stay.

KEYS
  1 epoch      string  the life of the data set
  + order      hash    the order
ARGV
  1 epoch_id   text    the caller's epoch
  2 linger_ms  ms      how long they are still kept
  + version    count   the version that Postgres has
REPLY {0} not ready | {1, orders that will go}
COMPLEXITY O(B)
]]
local epoch = KEYS[1]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local final = { COMPLETED = true, CANCELLED = true, EXPIRED = true }
local going = 0
for i = 3, #ARGV do
  local key = KEYS[i - 1]
  local order = redis.call('HMGET', key, 'version', 'state')
  if order[1] == ARGV[i] and final[order[2]] then
    going = going + redis.call('PEXPIRE', key, ARGV[2])
  end
end
return { DONE, going }
