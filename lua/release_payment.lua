--[[
release_payment: PAYING -> RESERVED, when it is certain that the attempt charged nothing; the hold runs again.

The first two attempts of an order leave the member at least `grace_ms` to try again; later ones do not, so that
a failing provider cannot keep units held for ever. Repeat-safe by the attempt's number.

KEYS
  1 epoch     string  the life of the data set
  2 holds     zset    order -> hold until, ms
  3 outbox    stream  one entry per transition
  4 order     hash    the order
ARGV
  1 epoch_id  text    the caller's epoch
  2 attempt   count   the attempt that charged nothing
  3 grace_ms  ms      least time to try again
REPLY {0} not ready | {code, state, version, attempt}
  code: 1 released; 2 the attempt was released before; 4 another state or attempt; 5 no such order
COMPLEXITY O(log H), H holds
]]
local epoch, holds, outbox, order_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
-- @include stock
-- @include order

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local order = read_order(order_key)
if not order then return { 5, '', 0, 0 } end
local function answer(code) return { code, order.state, tonumber(order.version), tonumber(order.attempt) } end

local attempt = tonumber(ARGV[2])
if tonumber(order.attempt) ~= attempt then return answer(4) end
if order.state == 'RESERVED' then return answer(SAME) end
if order.state ~= 'PAYING' then return answer(4) end
local now = now_ms()
if attempt <= 2 then order.holdUntil = math.max(tonumber(order.holdUntil), now + tonumber(ARGV[3])) end
redis.call('ZADD', holds, order.holdUntil, order.orderId)
move_order(order_key, outbox, order, 'RESERVED', now)
return answer(DONE)
