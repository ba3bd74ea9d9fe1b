--[[
bind_entry: binds an entry to the first holder who uses it; the binding never changes.

KEYS
  1 epoch     string  the life of the data set
  2 binding   string  the holder
ARGV
  1 epoch_id  text    the caller's epoch
  2 holder    text    who uses the entry now
  3 keep_ms   ms      how long it must be known, counted anew from every use
REPLY {0} not ready | {1, holder} who holds the entry
COMPLEXITY O(1)
]]
local epoch, binding = KEYS[1], KEYS[2]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local holder = redis.call('GET', binding)
if holder then
  redis.call('PEXPIRE', binding, ARGV[3], 'GT')
else
  holder = ARGV[2]
  redis.call('SET', binding, holder, 'PX', ARGV[3])
end
return { DONE, holder }
