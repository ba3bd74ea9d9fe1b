--[[
change_capacity: changes how many units an offer has, never below what is held and sold.

KEYS
  1 epoch     string  the life of the data set
  2 offer     hash    capacity, held, sold
ARGV
  1 epoch_id  text    the caller's epoch
  2 offer_id  id      for the channel
  3 capacity  count   the new number of units
  4 channel   text    told when units come free
REPLY {0} not ready | {1, capacity, held, sold} done | {3} no such count | {4, capacity, held, sold} below held + sold |
  {5} never prepared
COMPLEXITY O(1)
]]
local epoch, offer = KEYS[1], KEYS[2]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local wanted = whole(ARGV[3], 0)
if not wanted then return { 3 } end
local capacity, held, sold = read_units(offer)
if not capacity then return { 5 } end
if wanted < held + sold then return { 4, capacity, held, sold } end
redis.call('HSET', offer, 'capacity', wanted)
if wanted > capacity then
  redis.call('PUBLISH', ARGV[4], string.format('%s %.0f %.0f %.0f', ARGV[2], wanted, held, sold))
end
return { DONE, wanted, held, sold }
