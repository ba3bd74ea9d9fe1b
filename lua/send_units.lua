--[[
send_units: begins to move free units of a sharded offer to another of its partitions. On the way they count as held
here, so that nobody can take them twice. Repeat-safe by the transfer's id.

KEYS
  1 epoch      string  the life of the data set
  2 offer      hash    capacity, held, sold of this shard
  3 transfers  hash    transfer -> `offer units partition at`: sent and not settled
ARGV
  1 epoch_id   text    the caller's epoch
  2 transfer   id      of this move
  3 offer_id   id
  4 most       count   units wanted
  5 to         count   partition that gets them
REPLY {0} not ready | {1, units} sent | {2, units} sent before | {4} nothing free | {5} never prepared
COMPLEXITY O(1)
]]
local epoch, offer, transfers = KEYS[1], KEYS[2], KEYS[3]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local before = redis.call('HGET', transfers, ARGV[2])
if before then return { SAME, tonumber(string.match(before, '^%d+ (%d+)')) } end
local capacity, held, sold = read_units(offer)
if not capacity then return { 5 } end
local units = math.min(tonumber(ARGV[4]), capacity - held - sold)
if units < 1 then return { 4 } end
redis.call('HINCRBY', offer, 'held', units)
redis.call('HSET', transfers, ARGV[2], string.format('%s %d %s %.0f', ARGV[3], units, ARGV[5], now_ms()))
return { DONE, units }
