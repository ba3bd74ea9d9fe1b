--[[
build_stock: carries out writes of who builds a partition anew, all or none; writing the epoch opens it.

Refused once somebody else has begun to build it, or it is open: whoever lost the lock in Postgres without knowing
(a process that froze, a Postgres that died) writes nothing over what others have built and sold since.

KEYS
  1 epoch    string  the life of the data set; missing while it is built
  2 builder  string  who builds it
  + key      string  what is written, of the type that its command is for
ARGV
  1 builder_id  text   the caller
  + command     text   of one key, in their order
  + words       count  how many follow
  + word        text   what the command is given beside its key
REPLY {0} refused | {1} done
COMPLEXITY that of the commands
]]
local epoch, builder = KEYS[1], KEYS[2]

if redis.call('GET', builder) ~= ARGV[1] or redis.call('EXISTS', epoch) == 1 then return { 0 } end
local at = 2
for k = 3, #KEYS do
  local last = at + 1 + tonumber(ARGV[at + 1])
  redis.call(ARGV[at], KEYS[k], unpack(ARGV, at + 2, last))
  at = last + 1
end
return { 1 }
