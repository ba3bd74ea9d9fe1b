--[[
cut_outbox_range: cuts the next range off the outbox's uncut end and records it, or answers the last range again.

The caller says which range it has handed on; until that is the last one, the last one is answered again. So any
number of relays may call, and one that died between cutting and handing on loses nothing. Ranges are numbered from
1, without gaps, and never overlap.

KEYS
  1 epoch      string  the life of the data set
  2 outbox     stream  one entry per transition
  3 cursor     hash    range, first, last, count: the last range that was cut; done: the last that was trimmed
ARGV
  1 epoch_id   text    the caller's epoch
  2 handed_on  count   number of the last range that the caller handed on; 0 = none
  3 most       count   most entries in a range, at most 1,000
REPLY {0} not ready | {1, range, first id, last id, entries} a range to hand on | {2} nothing to cut
COMPLEXITY O(most)
]]
local epoch, outbox, cursor = KEYS[1], KEYS[2], KEYS[3]
-- @include stock

if not_ready(epoch, ARGV[1]) then return { NOT_READY } end
local cut = redis.call('HMGET', cursor, 'range', 'first', 'last', 'count', 'done')
local range = tonumber(cut[1] or 0)
if range > tonumber(ARGV[2]) and range > tonumber(cut[5] or 0) then
  return { DONE, range, cut[2], cut[3], tonumber(cut[4]) }
end
local entries = redis.call('XRANGE', outbox, cut[3] and '(' .. cut[3] or '-', '+', 'COUNT', ARGV[3])
local count = #entries
if count == 0 then return { SAME } end
local first, last = entries[1][1], entries[count][1]
redis.call('HSET', cursor, 'range', range + 1, 'first', first, 'last', last, 'count', count)
return { DONE, range + 1, first, last, count }
