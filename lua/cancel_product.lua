--[[
cancel_product: stock API: releases reserved units of a product; of more than are reserved, what is there.

KEYS
  1 epoch     string  the life of the data set
  2 product   hash    capacity, held, sold
ARGV
  1 epoch_id  text    the caller's epoch
  2 quantity  count   1 or more
REPLY {0} not ready | {code, units released}
  code: 1 done; 3 no such quantity; 5 no such product
COMPLEXITY O(1)
]]
local epoch, product = KEYS[1], KEYS[2]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local capacity, held = read_units(product)
local quantity = whole(ARGV[2], 1)
if not quantity then return { 3, 0 } end
if not capacity then return { 5, 0 } end
local released = math.min(quantity, held)
-- Lua would write minus zero as `-0`, which Redis does not take.
if released > 0 then redis.call('HINCRBY', product, 'held', -released) end
return { DONE, released }
