-- Units as an order names them: a pool's are a count in digits, others are names in a comma list (a seat, a night).
-- Every named unit that is held or sold is a field of the offer's `units` hash: name -> order.
local function names_of(units)
  local names = {}
  if string.find(units, '^%d+$') then return names end
  for name in string.gmatch(units, '[^,]+') do names[#names + 1] = name end
  return names
end

-- Whether any of the names belongs to an order already.
local function any_taken(key, names)
  for _, name in ipairs(names) do
    if redis.call('HEXISTS', key, name) == 1 then return true end
  end
  return false
end

local function give_names(key, names, order_id)
  for _, name in ipairs(names) do redis.call('HSET', key, name, order_id) end
end

-- Only what is still this order's: whoever holds a name keeps it.
local function free_names(key, names, order_id)
  for _, name in ipairs(names) do
    if redis.call('HGET', key, name) == order_id then redis.call('HDEL', key, name) end
  end
end
