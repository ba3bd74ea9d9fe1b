--[[
receive_units: adds units that another partition has sent to this shard of the offer. Repeat-safe by the transfer's
id, which is kept far longer than a transfer can be under way.

KEYS
  1 epoch     string  the life of the data set
  2 offer     hash    capacity, held, sold of this shard
  3 received  zset    transfer -> received at, ms
ARGV
  1 epoch_id  text    the caller's epoch
  2 transfer  id      of the move
  3 units     count   how many
  4 keep_ms   ms      how long the id is kept
REPLY {0} not ready | {1, capacity, held, sold} received | {2, capacity, held, sold} received before | {5} never prepared
COMPLEXITY O(log R), R transfers received lately
]]
local epoch, offer, received = KEYS[1], KEYS[2], KEYS[3]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local capacity, held, sold = read_units(offer)
if not capacity then return { 5 } end
if redis.call('ZSCORE', received, ARGV[2]) then return { SAME, capacity, held, sold } end
local now = now_ms()
redis.call('ZREMRANGEBYSCORE', received, '-inf', now - tonumber(ARGV[4]))
redis.call('ZADD', received, now, ARGV[2])
return { DONE, redis.call('HINCRBY', offer, 'capacity', ARGV[3]), held, sold }
