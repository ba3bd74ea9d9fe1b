-- Needs the locals pacer, presence, drawn. The end of every place that waits.

-- Whether there is a place to be ended: the absent have theirs too.
local function somebody_stands(lanes)
  for _, lane in ipairs(lanes) do
    if lane.waiting > 0 or redis.call('EXISTS', lane.away) == 1 then return true end
  end
  return false
end

-- The room is closed or sold out: every place waiting is over, now and for good. Line: z reason score (all up to it).
local function end_queue(lanes, state, lines)
  local kept = redis.call('HMGET', pacer, 'epoch', 'next')
  local newest = 4503599627370496 + tonumber(kept[1]) * 1073741824 + tonumber(kept[2]) - 1
  for _, lane in ipairs(lanes) do
    redis.call('UNLINK', lane.queue, lane.away)
    lane.waiting = 0
  end
  redis.call('UNLINK', presence)
  -- A list that is closed stays for who checks the draw.
  if redis.call('HEXISTS', pacer, 'draw.frozenAt') == 0 then redis.call('UNLINK', drawn) end
  redis.call('HSET', pacer, 'endedTo', string.format('%.0f', newest), 'endedBy', state)
  lines[#lines + 1] = string.format('z %s %.0f', state, newest)
  return 0
end
