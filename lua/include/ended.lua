-- Needs the locals pacer, drawn. Whether a place that does not wait ended with the queue. Who was to be drawn and
-- is not on the list was ended with it, when that was in this epoch; when it was before, only the caller can know, by the
-- time of the ticket.
-- @include passed
local function ended_with_queue(visitor, lane, score)
  if score <= ended_to(score) then return true end
  local kept = redis.call('HMGET', pacer, 'draw.endedAt', 'openedAt')
  return score < ARRIVALS_FROM and (tonumber(kept[1]) or -1) >= (tonumber(kept[2]) or 0)
    and not redis.call('ZSCORE', drawn, lane.name .. ':' .. visitor)
end
