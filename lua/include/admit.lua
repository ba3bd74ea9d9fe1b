-- Needs the locals pacer, admitted, turns. Gives the turn: opens the claim window and counts. A visitor's entry in
-- `turns` is `turn:lapses:lane:score` and stays while the turn, its session or a second chance lives.
local function admit(visitor, lane, score, rules, now, lines)
  local turn = redis.call('HINCRBY', pacer, 'turn', 1)
  local kept = redis.call('HGET', turns, visitor)
  local lapses = kept and string.match(kept, '^%d+:(%d+):') or '0'
  local claim_by = now + rules.window * 1000
  redis.call('ZADD', admitted, claim_by, visitor)
  redis.call('HSET', turns, visitor, string.format('%.0f:%s:%s:%.0f', turn, lapses, lane, score))
  lines[#lines + 1] = string.format('a %s %.0f %.0f', visitor, turn, claim_by)
  return turn, claim_by
end

local function note_last_admitted(lane, score)
  local field = 'last:' .. lane
  if (tonumber(redis.call('HGET', pacer, field)) or 0) < score then
    redis.call('HSET', pacer, field, string.format('%.0f', score))
  end
end
