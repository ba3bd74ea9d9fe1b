-- Reading and writing orders. The fields are those of core/src/stock/order-record.ts, in its order.
local ORDER_FIELDS = {
  'orderId', 'version', 'state', 'offerId', 'memberId', 'units', 'quantity', 'amountMinor', 'currency',
  'attempt', 'entry', 'idempotencyKey', 'bodyHash', 'holdUntil', 'createdAt', 'updatedAt',
}

-- The order by field names, nil when there is none. Values are text.
local function read_order(key)
  local values = redis.call('HMGET', key, unpack(ORDER_FIELDS))
  if not values[1] then return nil end
  local order = {}
  for i, name in ipairs(ORDER_FIELDS) do order[name] = values[i] end
  return order
end

local function fields_of(order)
  local flat = {}
  for i, name in ipairs(ORDER_FIELDS) do
    flat[2 * i - 1], flat[2 * i] = name, order[name]
  end
  return flat
end

-- Appends the order, whole, to the outbox.
local function append_order(outbox, order)
  redis.call('XADD', outbox, '*', unpack(fields_of(order)))
end

-- Writes the whole order and appends it: in one script, so neither is ever there alone.
local function write_order(key, outbox, order)
  redis.call('HSET', key, unpack(fields_of(order)))
  append_order(outbox, order)
end

-- The one way from one state to the next: version + 1. A key that was about to be forgotten is kept again.
local function move_order(key, outbox, order, state, now)
  order.version = tonumber(order.version) + 1
  order.state = state
  order.updatedAt = now
  redis.call('PERSIST', key)
  write_order(key, outbox, order)
end
