--[[
complete_order: PAYING -> COMPLETED when the running attempt was paid; its units are sold. Repeat-safe.

KEYS
  1 epoch     string  the life of the data set
  2 outbox    stream  one entry per transition
  3 offer     hash    capacity, held, sold
  4 order     hash    the order
ARGV
  1 epoch_id  text    the caller's epoch
  2 attempt   count   the attempt that was paid
REPLY {0} not ready | {code, state, version, attempt}
  code: 1 completed; 2 completed before, by this attempt; 4 another state or attempt; 5 no such order
COMPLEXITY O(1)
]]
local epoch, outbox, offer, order_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
-- @include stock
-- @include order

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local order = read_order(order_key)
if not order then return { 5, '', 0, 0 } end
local function answer(code) return { code, order.state, tonumber(order.version), tonumber(order.attempt) } end

if tonumber(order.attempt) ~= tonumber(ARGV[2]) then return answer(4) end
if order.state == 'COMPLETED' then return answer(SAME) end
if order.state ~= 'PAYING' then return answer(4) end
redis.call('HINCRBY', offer, 'held', -tonumber(order.quantity))
redis.call('HINCRBY', offer, 'sold', tonumber(order.quantity))
move_order(order_key, outbox, order, 'COMPLETED', now_ms())
return answer(DONE)
