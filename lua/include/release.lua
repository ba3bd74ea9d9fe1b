-- Needs include stock, include units. Gives an order's units back: from `pool` ('held' or 'sold') and from what member and entry
-- count as theirs, and says so on the channel, so that nobody goes on answering "sold out" from memory.
local function release_units(order, pool, offer, units, members, entry_units, channel)
  local quantity = tonumber(order.quantity)
  redis.call('HINCRBY', offer, pool, -quantity)
  free_names(units, names_of(order.units), order.orderId)
  redis.call('HINCRBY', members, order.memberId, -quantity)
  if order.entry ~= '' and redis.call('EXISTS', entry_units) == 1 then
    redis.call('DECRBY', entry_units, quantity)
  end
  local capacity, held, sold = read_units(offer)
  redis.call('PUBLISH', channel, string.format('%s %.0f %.0f %.0f', order.offerId, capacity, held, sold))
end
