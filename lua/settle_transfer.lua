--[[
settle_transfer: ends a move of units that the other partition has received: they are no longer this shard's.
Repeat-safe.

KEYS
  1 epoch      string  the life of the data set
  2 offer      hash    capacity, held, sold of this shard
  3 transfers  hash    transfer -> `offer units partition at`
ARGV
  1 epoch_id   text    the caller's epoch
  2 transfer   id      of the move
REPLY {0} not ready | {1} settled | {2} settled before
COMPLEXITY O(1)
]]
local epoch, offer, transfers = KEYS[1], KEYS[2], KEYS[3]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local sent = redis.call('HGET', transfers, ARGV[2])
if not sent then return { SAME } end
local units = tonumber(string.match(sent, '^%d+ (%d+)'))
redis.call('HINCRBY', offer, 'held', -units)
redis.call('HINCRBY', offer, 'capacity', -units)
redis.call('HDEL', transfers, ARGV[2])
return { DONE }
