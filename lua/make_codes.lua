--[[
make_codes: adds a batch of codes that grant a lane, all or none, audited. Codes are known by their hashes only.

KEYS
  1 config       hash    version
  2 pacer        hash    sequence, epoch
  3 audit        stream  who changed what and why
  4 codes        hash    hash of a code -> batch:times used
  5 code_batches hash    batch -> lane:uses:until:codes:made at; used:<batch>, withdrawn:<batch>, label:<batch>
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 batch     text    id of the batch
  4 lane      text    what the codes grant
  5 uses      count   how often each can be used, 0 = no bound
  6 ends      ms      until when, 0 = no end
  7 label     text    what the operator calls it, may be empty
  8 author    text    who
  9 reason    text    why, may be empty
  + hash      text    of a code
REPLY {LOST} | {OK, sequence, now ms} | {3 a code is there already, its number in the call from 1}
  | {4 too many batches}
COMPLEXITY O(codes)
]]
local config, pacer, audit, codes, code_batches = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
-- @include guard
-- @include audit
local MOST_FIELDS = 4000

local refused = refusal(ARGV[1], ARGV[2])
if refused then return refused end
if redis.call('HLEN', code_batches) >= MOST_FIELDS then return { 4 } end
local first = 10
for i = first, #ARGV do
  if redis.call('HEXISTS', codes, ARGV[i]) == 1 then return { 3, i - first + 1 } end
end
local now, batch = now_ms(), ARGV[3]
for i = first, #ARGV do redis.call('HSET', codes, ARGV[i], batch .. ':0') end
local made = #ARGV - first + 1
redis.call('HSET', code_batches, batch, string.format('%s:%s:%s:%d:%.0f', ARGV[4], ARGV[5], ARGV[6], made, now))
if ARGV[7] ~= '' then redis.call('HSET', code_batches, 'label:' .. batch, ARGV[7]) end
record_note(now, ARGV[8], 'codes', ARGV[9], { 'batch', batch, 'lane', ARGV[4], 'uses', ARGV[5], 'expiresAt', ARGV[6],
  'codes', made, 'label', ARGV[7] })
return { OK, next_sequence(), now }
