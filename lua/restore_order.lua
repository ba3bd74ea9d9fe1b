--[[
restore_order: puts an order that Redis does not have back as Postgres has it: a COMPLETED one that was forgotten, so
that it can be cancelled, or one that was lost while it was open, so that it goes on; its hold runs again. An order
that is there is left alone. Counts nothing and publishes nothing: its units are still counted as held or sold.

What was read too long ago is refused: the order may have ended and been forgotten since, and would end twice.

KEYS
  1 epoch     string  the life of the data set
  2 holds     zset    order -> hold until, ms
  3 order     hash    the order
ARGV
  1 epoch_id  text    the caller's epoch
  2 keep_ms   ms      how long it is kept when it is over and nothing happens to it
  3 read_at   ms      time of this Redis before Postgres was asked
  4 fresh_ms  ms      how old that may be; less than forget_orders' linger_ms
  + field     text    a field of the order
  + value     text    its value
REPLY {0} not ready | {1} put back | {2} was there | {3} read too long ago
COMPLEXITY O(log H), H holds
]]
local epoch, holds, order_key = KEYS[1], KEYS[2], KEYS[3]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
if redis.call('EXISTS', order_key) == 1 then return { SAME } end
if now_ms() - tonumber(ARGV[3]) > tonumber(ARGV[4]) then return { 3 } end
redis.call('HSET', order_key, unpack(ARGV, 5))
local order = redis.call('HMGET', order_key, 'state', 'holdUntil', 'orderId')
if order[1] == 'RESERVED' then redis.call('ZADD', holds, order[2], order[3]) end
if order[1] ~= 'RESERVED' and order[1] ~= 'PAYING' then redis.call('PEXPIRE', order_key, ARGV[2]) end
return { DONE }
