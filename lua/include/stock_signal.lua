-- Needs the locals config and pacer. The two flags that an obeyed stock signal raises: all held, all sold.
-- Returns whether either changed.
local function apply_stock()
  local follow = redis.call('HGET', config, 'stock.follow') == '1'
  local stock = redis.call('HMGET', pacer, 'stock.capacity', 'stock.held', 'stock.sold')
  local capacity, held, sold = tonumber(stock[1]) or 0, tonumber(stock[2]) or 0, tonumber(stock[3]) or 0
  local sold_out = follow and capacity > 0 and sold >= capacity
  local all_held = follow and capacity > 0 and not sold_out and sold + held >= capacity
  local before = redis.call('HMGET', config, 'flag.soldOut', 'flag.stockHeld')
  local after = { sold_out and '1' or '0', all_held and '1' or '0' }
  if (before[1] or '0') == after[1] and (before[2] or '0') == after[2] then return false end
  redis.call('HSET', config, 'flag.soldOut', after[1], 'flag.stockHeld', after[2])
  return true
end
