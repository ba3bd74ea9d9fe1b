--[[
confirm_product: stock API: sells units of a product that were reserved; never more than are.

KEYS
  1 epoch     string  the life of the data set
  2 product   hash    capacity, held, sold
ARGV
  1 epoch_id  text    the caller's epoch
  2 quantity  count   1 or more
REPLY {0} not ready | {code, capacity, held, sold}
  code: 1 confirmed; 3 no such quantity; 4 not that many reserved; 5 no such product
COMPLEXITY O(1)
]]
local epoch, product = KEYS[1], KEYS[2]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local capacity, held, sold = read_units(product)
local quantity = whole(ARGV[2], 1)
if not quantity then return { 3, 0, 0, 0 } end
if not capacity then return { 5, 0, 0, 0 } end
if quantity > held then return { 4, capacity, held, sold } end
redis.call('HINCRBY', product, 'held', -quantity)
redis.call('HINCRBY', product, 'sold', quantity)
return { DONE, capacity, held - quantity, sold + quantity }
