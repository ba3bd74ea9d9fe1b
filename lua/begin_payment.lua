--[[
begin_payment: RESERVED -> PAYING with the next attempt, if the hold still stands by Redis time; stops its expiry.

Repeat-safe: of an order that is PAYING it answers the attempt that runs.

KEYS
  1 epoch     string  the life of the data set
  2 holds     zset    order -> hold until, ms
  3 outbox    stream  one entry per transition
  4 order     hash    the order
ARGV
  1 epoch_id  text    the caller's epoch
REPLY {0} not ready | {code, state, version, attempt}
  code: 1 begun; 2 PAYING already; 3 the hold ran out; 4 another state; 5 no such order
COMPLEXITY O(log H), H holds
]]
local epoch, holds, outbox, order_key = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
-- @include stock
-- @include order

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local order = read_order(order_key)
if not order then return { 5, '', 0, 0 } end
local function answer(code) return { code, order.state, tonumber(order.version), tonumber(order.attempt) } end

if order.state == 'PAYING' then return answer(SAME) end
if order.state ~= 'RESERVED' then return answer(4) end
local now = now_ms()
if tonumber(order.holdUntil) <= now then return answer(3) end
order.attempt = tonumber(order.attempt) + 1
redis.call('ZREM', holds, order.orderId)
move_order(order_key, outbox, order, 'PAYING', now)
return answer(DONE)
