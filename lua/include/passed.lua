-- Needs the local pacer. Scores are of two kinds: who is drawn (below 2^52) stands before all arrivals, and arrivals may have
-- been admitted before the draw. So a lane keeps two last admitted scores: up to the one of its own kind a place is over
-- without a note, unless it is an exception. Up to where the queue has ended is two numbers alike.
local ARRIVALS_FROM, EPOCH_SPAN = 4503599627370496, 1073741824

-- Of the n-th who came in an epoch.
local function arrival_score(epoch, n) return ARRIVALS_FROM + tonumber(epoch) * EPOCH_SPAN + tonumber(n) end

local function last_field(lane, score)
  return (score < ARRIVALS_FROM and 'lastDrawn:' or 'last:') .. lane
end

-- Of the kind of `score`; -1 = nobody yet.
local function last_admitted(lane, score)
  return tonumber(redis.call('HGET', pacer, last_field(lane, score))) or -1
end

local function ended_field(score) return score < ARRIVALS_FROM and 'endedDrawn' or 'endedTo' end

-- Of the kind of `score`; -2 = nobody, for -1 is who is to be drawn.
local function ended_to(score)
  return tonumber(redis.call('HGET', pacer, ended_field(score))) or -2
end
