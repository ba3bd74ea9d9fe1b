-- Needs the locals pacer, presence, drawn. The end of every place that waits.
-- @include passed

-- Whether there is a place to be ended: the absent have theirs too.
local function somebody_stands(lanes)
  for _, lane in ipairs(lanes) do
    if lane.waiting > 0 or redis.call('EXISTS', lane.away) == 1 then return true end
  end
  return false
end

-- Who is or was to be drawn, by the highest score that has ended; -2 = nobody. A list that is closed stays for who checks
-- the draw: all of it is over. One that is open begins anew, and who joins it later is told from who has ended by the time
-- of the ticket.
local function end_drawn(is_closed, now)
  if is_closed then
    redis.call('HSET', pacer, 'endedDrawn', string.format('%.0f', ARRIVALS_FROM - 1))
    return ARRIVALS_FROM - 1
  end
  if redis.call('UNLINK', drawn) == 0 then return -2 end
  redis.call('HSET', pacer, 'draw.endedAt', string.format('%.0f', now))
  return -1
end

-- The room is closed or sold out: every place waiting is over, now and for good. Line: z reason score drawn (all up to the
-- score of their kind). How many wait then.
local function end_queue(lanes, state, now, lines)
  local kept = redis.call('HMGET', pacer, 'epoch', 'next', 'draw.frozenAt')
  local newest = arrival_score(kept[1], kept[2]) - 1
  for _, lane in ipairs(lanes) do
    redis.call('UNLINK', lane.queue, lane.away)
    lane.waiting = 0
  end
  redis.call('UNLINK', presence)
  redis.call('HSET', pacer, 'endedTo', string.format('%.0f', newest), 'endedBy', state)
  local highest_drawn = end_drawn(kept[3], now)
  lines[#lines + 1] = string.format('z %s %.0f %.0f', state, newest, highest_drawn)
  if highest_drawn == -1 then lines[#lines + 1] = 'd 0' end
  return 0
end
