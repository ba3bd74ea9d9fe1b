--[[
change_capacity: gives an offer more units or takes some away, never below what is held and sold.

KEYS
  1 epoch     string  the life of the data set
  2 offer     hash    capacity, held, sold
ARGV
  1 epoch_id  text    the caller's epoch
  2 offer_id  id      for the channel
  3 by        count   how many more; with a minus, how many fewer
  4 channel   text    told when units come free
REPLY {0} not ready | {1, capacity, held, sold} done | {3} no such count | {4, capacity, held, sold} below held + sold |
  {5} never prepared
COMPLEXITY O(1)
]]
local epoch, offer = KEYS[1], KEYS[2]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local by = whole(string.gsub(ARGV[3], '^%-', '', 1), 0)
if not by then return { 3 } end
if string.sub(ARGV[3], 1, 1) == '-' then by = -by end
local capacity, held, sold = read_units(offer)
if not capacity then return { 5 } end
if capacity + by >= 9007199254740992 then return { 3 } end
if capacity + by < held + sold then return { 4, capacity, held, sold } end
redis.call('HINCRBY', offer, 'capacity', string.format('%.0f', by))
if by > 0 then
  redis.call('PUBLISH', ARGV[4], string.format('%s %.0f %.0f %.0f', ARGV[2], capacity + by, held, sold))
end
return { DONE, capacity + by, held, sold }
