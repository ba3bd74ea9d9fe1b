-- Needs admit and the locals pacer, presence. Gives `most` turns to the lanes by weight (smooth weighted round
-- robin, its credits kept in the pacer so that small shares add up over slots); an empty lane's share goes to the
-- others. `lanes[i].waiting` must be set.
local function admit_by_weight(lanes, most, rules, now, lines)
  for _, lane in ipairs(lanes) do
    lane.left, lane.take = lane.waiting, 0
    lane.credit = tonumber(redis.call('HGET', pacer, 'credit:' .. lane.name)) or 0
  end
  for _ = 1, most do
    local best, total = nil, 0
    for _, lane in ipairs(lanes) do
      if lane.left > 0 then
        lane.credit, total = lane.credit + lane.weight, total + lane.weight
        if not best or lane.credit > best.credit then best = lane end
      end
    end
    if not best then break end
    best.credit, best.left, best.take = best.credit - total, best.left - 1, best.take + 1
  end
  local given = 0
  for _, lane in ipairs(lanes) do
    local popped = lane.take > 0 and redis.call('ZPOPMIN', lane.queue, lane.take) or {}
    if #popped > 0 then
      local _, _, visitors = admit_all(popped, lane.name, rules, now, lines)
      redis.call('ZREM', presence, unpack(visitors))
      note_last_admitted(lane.name, tonumber(popped[#popped]))
      lane.waiting, given = lane.waiting - #visitors, given + #visitors
    end
    redis.call('HSET', pacer, 'credit:' .. lane.name, lane.left > 0 and lane.credit or 0)
  end
  return given
end
