--[[
prepare_offer: gives an offer its units, once; what is there already is left as it is.

Also prepares the products of the stock API, which are kept in the same form.

KEYS
  1 epoch     string  the life of the data set
  2 offer     hash    capacity, held, sold
ARGV
  1 epoch_id  text    the caller's epoch
  2 capacity  count   units to sell; 0 is allowed
REPLY {0} not ready | {1, capacity, held, sold} prepared now | {2, capacity, held, sold} was there | {3} no such count
COMPLEXITY O(1)
]]
local epoch, offer = KEYS[1], KEYS[2]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local wanted = whole(ARGV[2], 0)
if not wanted then return { 3 } end
local capacity, held, sold = read_units(offer)
if capacity then return { SAME, capacity, held, sold } end
redis.call('HSET', offer, 'capacity', wanted, 'held', 0, 'sold', 0)
return { DONE, wanted, 0, 0 }
