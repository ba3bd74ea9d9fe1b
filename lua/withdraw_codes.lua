--[[
withdraw_codes: takes back a whole batch of codes, or single ones, audited. Places taken with them stay. Of a batch the
codes themselves, which grant nothing without it, are swept by the caller afterwards.

KEYS
  1 config       hash    version
  2 pacer        hash    sequence, epoch
  3 audit        stream  who changed what and why
  4 codes        hash    hash of a code -> batch:times used
  5 code_batches hash    batch -> lane:uses:until:codes:made at; used:<batch>, withdrawn:<batch>, label:<batch>
ARGV
  1 epochId   text    the caller's epoch
  2 sequence  count   the highest the caller has seen
  3 batch     text    the batch, empty = the codes that follow
  4 author    text    who
  5 reason    text    why, may be empty
  + hash      text    of a code
REPLY {LOST} | {OK, sequence, now ms, batches and codes that were there}
COMPLEXITY O(codes given)
]]
local config, pacer, audit, codes, code_batches = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
-- @include guard
-- @include audit

local refused = refusal(ARGV[1], ARGV[2])
if refused then return refused end
local now, batch, gone = now_ms(), ARGV[3], 0
if batch ~= '' then
  gone = redis.call('HDEL', code_batches, batch)
  redis.call('HDEL', code_batches, 'used:' .. batch, 'withdrawn:' .. batch, 'label:' .. batch)
end
for i = 6, #ARGV do
  local of = string.match(redis.call('HGET', codes, ARGV[i]) or '', '^([^:]+):')
  if of then
    redis.call('HDEL', codes, ARGV[i])
    redis.call('HINCRBY', code_batches, 'withdrawn:' .. of, 1)
    gone = gone + 1
  end
end
if gone > 0 then
  record_note(now, ARGV[4], 'withdraw-codes', ARGV[5], { 'batch', batch, 'withdrawn', gone })
end
return { OK, next_sequence(), now, gone }
