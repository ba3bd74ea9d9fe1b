--[[
begin_build: shuts a partition whose stock was lost and makes the caller the one who builds it anew.

Refused when the epoch is another than the caller found lost: somebody has built it meanwhile.

KEYS
  1 epoch    string  the life of the data set
  2 builder  string  who builds it
ARGV
  1 builder_id  text  the caller
  2 lost        text  the epoch that is lost; empty = there was none
REPLY {0} refused | {1} the caller builds
COMPLEXITY O(1)
]]
local epoch, builder = KEYS[1], KEYS[2]

if (redis.call('GET', epoch) or '') ~= ARGV[2] then return { 0 } end
redis.call('DEL', epoch)
redis.call('SET', builder, ARGV[1])
return { 1 }
