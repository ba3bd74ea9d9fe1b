-- Needs the local pacer. A lane keeps two last admitted scores: who is drawn (below 2^52) stands before all arrivals,
-- and arrivals may have been admitted before the draw. Up to the one of its own kind a place is over without a note,
-- unless it is an exception.
local ARRIVALS_FROM = 4503599627370496

local function last_field(lane, score)
  return (score < ARRIVALS_FROM and 'lastDrawn:' or 'last:') .. lane
end

-- Of the kind of `score`; -1 = nobody yet.
local function last_admitted(lane, score)
  return tonumber(redis.call('HGET', pacer, last_field(lane, score))) or -1
end
