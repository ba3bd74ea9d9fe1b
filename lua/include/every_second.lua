-- Needs the locals of tick_room and the includes sketch, roll_call and upkeep. What a room does once a second, or `at_once`:
-- when the draw is made, and when the queue has emptied, for the room may sleep from now on. In the slots between it tells
-- the pieces of the rank sketch, one each; how many follow then.
local function tell_numbers(lanes, now, pieces, at_once, is_new_second, hidden, lines)
  if at_once or is_new_second and pieces == 0 then
    open_roll(now, lines)
    keep_bounded(lanes, now)
    local waiting = 0
    for _, lane in ipairs(lanes) do waiting = waiting + lane.waiting end
    pieces = count_lanes(lanes, lines, hidden)
    redis.call('HSET', pacer, 'sketchAt', math.floor(now / 1000), 'sketched', waiting)
    sample(waiting, now, lines)
  elseif pieces > 0 then
    pieces = pieces - 1
    sketch_lanes(lanes, pieces, lines)
  end
  return pieces
end
