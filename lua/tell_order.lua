--[[
tell_order: appends an order to the outbox once more, as it is, if it still has the version that is expected.

For an entry that was lost on its way to Postgres. Repeat-safe: Postgres takes a version once.

KEYS
  1 epoch     string  the life of the data set
  2 outbox    stream  one entry per transition
  3 order     hash    the order
ARGV
  1 epoch_id  text    the caller's epoch
  2 version   count   the version that Postgres lacks
REPLY {0} not ready | {1} appended | {4} another version: it tells of itself | {5} no such order
COMPLEXITY O(1)
]]
local epoch, outbox, order_key = KEYS[1], KEYS[2], KEYS[3]
-- @include stock
-- @include order

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local order = read_order(order_key)
if not order then return { 5 } end
if order.version ~= ARGV[2] then return { 4 } end
append_order(outbox, order)
return { DONE }
