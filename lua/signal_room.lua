--[[
signal_room: takes the upstream's report of its stock. The last signal wins. A room that follows it holds admission
while nothing is free, and is sold out when all is sold (the tick then ends the queue).

KEYS
  1 config    hash    rules, flags, version
  2 pacer     hash    sequence, epoch, stock
  3 audit     stream  who changed what and why
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 channel   text    the room's broadcast
  4 capacity  count   units in all
  5 held      count   units held
  6 sold      count   units sold
  7 author    text    who reports
REPLY {LOST} | {OK, sequence, now ms, version, 1 when a flag changed}
COMPLEXITY O(1)
]]
local config, pacer, audit = KEYS[1], KEYS[2], KEYS[3]
-- @include guard
-- @include broadcast
-- @include audit
-- @include stock_signal

local refused = refusal(ARGV[1], ARGV[2])
if refused then return refused end
local now, sequence = now_ms(), next_sequence()
local at = string.format('%.0f', now)
redis.call('HSET', pacer, 'stock.capacity', ARGV[4], 'stock.held', ARGV[5], 'stock.sold', ARGV[6], 'stock.at', at)
-- Told always: who hears it puts the numbers back after a loss.
local line = table.concat({ 'u', ARGV[4], ARGV[5], ARGV[6], at }, ' ')
if not apply_stock() then
  local same = tonumber(redis.call('HGET', config, 'version'))
  broadcast(ARGV[3], sequence, now, same, { line })
  return { OK, sequence, now, same, 0 }
end
local version = record_change(now, ARGV[7], 'signal', '', { 'capacity', ARGV[4], 'held', ARGV[5], 'sold', ARGV[6] })
broadcast(ARGV[3], sequence, now, version, { 'v', line })
return { OK, sequence, now, version, 1 }
