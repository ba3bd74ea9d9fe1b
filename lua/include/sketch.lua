-- Needs the locals pacer, admitted, active, history and the include passed. What gateways compute position and estimate
-- from, so that a waiting visitor costs Redis nothing. Once a second, per lane, `s lane waiting last newest pieces
-- lastDrawn` (last, lastDrawn: admitted of each kind, -1 = nobody; newest: the highest score given so far) and `n admitted
-- active`; then the *rank sketch* in so many pieces, one a slot so that no slot is long: `p lane left from ids marks`, with
-- the number of pieces that follow, the rank of the first id, the ids of who stands there and behind, and `rank:score,...`
-- of rank 1,000 and of every sixtieth part of the queue behind it. Pieces go from the back of the first thousand to its
-- front: who moves up meanwhile falls between no two. Ids, because Redis writes a score of sixteen digits in half a
-- microsecond, and a thousand of them would cost more than all the rest.
-- Each piece is three commands: with more of them a lane would cost more than 100 a second.
local EXACT, MARKS, PIECES = 1000, 60, 12

-- How many pieces follow; none while the scores are `hidden`, because they are still to be drawn.
local function count_lanes(lanes, lines, hidden)
  local given = redis.call('HMGET', pacer, 'epoch', 'next')
  local newest = arrival_score(given[1], given[2]) - 1
  local longest = 0
  for _, lane in ipairs(lanes) do longest = math.max(longest, lane.waiting) end
  local pieces = hidden and 0 or math.min(PIECES, math.ceil(longest * PIECES / EXACT))
  for i, lane in ipairs(lanes) do
    local last, drawn_last = last_admitted(lane.name, ARRIVALS_FROM), last_admitted(lane.name, 0)
    lines[#lines + 1] = string.format('s %d %.0f %.0f %.0f %d %.0f', i, lane.waiting, last, newest, pieces, drawn_last)
  end
  return pieces
end

local function mark_at(lane, rank)
  local at = string.format('%d', rank - 1)
  return string.format('%d:', rank) .. redis.call('ZRANGE', lane.queue, at, at, 'WITHSCORES')[2]
end

-- The piece that `left` others follow.
local function sketch_lanes(lanes, left, lines)
  local from, to = math.floor(left * EXACT / PIECES), math.floor((left + 1) * EXACT / PIECES)
  for i, lane in ipairs(lanes) do
    local ids, marks = redis.call('ZRANGE', lane.queue, from, to - 1), {}
    if left == 0 and lane.waiting > EXACT then marks[1] = mark_at(lane, EXACT) end
    for part = left * MARKS / PIECES + 1, (left + 1) * MARKS / PIECES do
      local rank = math.ceil(lane.waiting * part / MARKS)
      if rank > EXACT then marks[#marks + 1] = mark_at(lane, rank) end
    end
    lines[#lines + 1] = string.format('p %d %d %d ', i, left, from + 1) .. table.concat(ids, ',') .. ' ' .. table.concat(marks, ',')
  end
end

local function sample(waiting, now, lines)
  local counts = redis.call('HMGET', pacer, 'joined', 'turn', 'claimed', 'lapsed', 'ended', 'left', 'abandoned')
  local turns_open, inside = redis.call('ZCARD', admitted), redis.call('ZCARD', active)
  local fields = { 'at', string.format('%.0f', now), 'waiting', waiting, 'turnsOpen', turns_open, 'active', inside }
  for i, name in ipairs({ 'joined', 'turn', 'claimed', 'lapsed', 'ended', 'left', 'abandoned' }) do
    fields[#fields + 1] = name
    fields[#fields + 1] = counts[i] or 0
  end
  lines[#lines + 1] = string.format('n %d %d', turns_open, inside)
  redis.call('XADD', history, 'MAXLEN', '~', 3600, '*', unpack(fields))
end
