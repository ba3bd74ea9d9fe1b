--[[
cancel_order: RESERVED or COMPLETED -> CANCELLED by wish, or PAYING -> CANCELLED when the running attempt was
declined or its money goes back; the units come free. Repeat-safe.

A PAYING order is never cancelled by wish: money may be on its way.

KEYS
  1 epoch        string  the life of the data set
  2 holds        zset    order -> hold until, ms
  3 outbox       stream  one entry per transition
  4 offer        hash    capacity, held, sold
  5 units        hash    named unit -> order
  6 members      hash    member -> units held and bought
  7 entry_units  string  units of the entry
  8 order        hash    the order
ARGV
  1 epoch_id     text    the caller's epoch
  2 attempt      count   the attempt that keeps no money; 0 = by wish
  3 channel      text    told when units come free
REPLY {0} not ready | {code, state before, version, attempt}
  code: 1 cancelled; 2 cancelled before; 4 another state or attempt; 5 no such order
COMPLEXITY O(log H), H holds
]]
local epoch, holds, outbox, offer = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local units, members, entry_units, order_key = KEYS[5], KEYS[6], KEYS[7], KEYS[8]
-- @include stock
-- @include order
-- @include units
-- @include release

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local order = read_order(order_key)
if not order then return { 5, '', 0, 0 } end
local before, uncharged = order.state, tonumber(ARGV[2])
local function answer(code) return { code, before, tonumber(order.version), tonumber(order.attempt) } end

if before == 'CANCELLED' then return answer(SAME) end
local pool
if uncharged > 0 then
  if before == 'PAYING' and tonumber(order.attempt) == uncharged then pool = 'held' end
else
  pool = ({ RESERVED = 'held', COMPLETED = 'sold' })[before]
end
if not pool then return answer(4) end
redis.call('ZREM', holds, order.orderId)
release_units(order, pool, offer, units, members, entry_units, ARGV[3])
move_order(order_key, outbox, order, 'CANCELLED', now_ms())
return answer(DONE)
