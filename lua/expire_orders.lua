--[[
expire_orders: RESERVED -> EXPIRED for those of the given orders whose hold ran out by Redis time; their units come
free. An order that is not RESERVED, or not there, only leaves the holds. Repeat-safe.

KEYS
  1 epoch        string  the life of the data set
  2 holds        zset    order -> hold until, ms
  3 outbox       stream  one entry per transition
  + offer        hash    capacity, held, sold
  + units        hash    named unit -> order
  + members      hash    member -> units held and bought
  + entry_units  string  units of the entry
  + order        hash    the order
ARGV
  1 epoch_id     text    the caller's epoch
  2 channel      text    told when units come free
  + order_id     id
REPLY {0} not ready | {1, then per order: 1 expired, 2 not due yet, 3 not RESERVED}
COMPLEXITY O(B log H), B orders, H holds
]]
local epoch, holds, outbox = KEYS[1], KEYS[2], KEYS[3]
-- @include stock
-- @include order
-- @include units
-- @include release

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local now = now_ms()
local reply = { DONE }

for i = 3, #ARGV do
  local k = 4 + (i - 3) * 5
  local order = read_order(KEYS[k + 4])
  local code = 3
  if order and order.state == 'RESERVED' then code = tonumber(order.holdUntil) <= now and 1 or 2 end
  if code ~= 2 then redis.call('ZREM', holds, ARGV[i]) end
  if code == 1 then
    release_units(order, 'held', KEYS[k], KEYS[k + 1], KEYS[k + 2], KEYS[k + 3], ARGV[2])
    move_order(KEYS[k + 4], outbox, order, 'EXPIRED', now)
  end
  reply[#reply + 1] = code
end
return reply
