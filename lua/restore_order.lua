--[[
restore_order: puts a COMPLETED order that Redis has forgotten back as Postgres has it, so that it can be cancelled;
an order that is there is left alone. Counts nothing and publishes nothing: its units are still counted as sold.

KEYS
  1 epoch     string  the life of the data set
  2 order     hash    the order
ARGV
  1 epoch_id  text    the caller's epoch
  2 keep_ms   ms      how long it is kept when nothing happens to it
  + field     text    a field of the order
  + value     text    its value
REPLY {0} not ready | {1} put back | {2} was there
COMPLEXITY O(1)
]]
local epoch, order_key = KEYS[1], KEYS[2]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
if redis.call('EXISTS', order_key) == 1 then return { SAME } end
redis.call('HSET', order_key, unpack(ARGV, 3))
redis.call('PEXPIRE', order_key, ARGV[2])
return { DONE }
