-- Needs the locals pacer, admitted, turns. Gives turns to `places` (visitor, score as text, visitor, ...) of a lane:
-- opens the claim window and counts. A visitor's entry in `turns` is `turn:lapses:lane:score` and stays while the
-- turn, its session or a second chance lives. Each command goes once for all of them: a tick gives up to 500.
local function admit_all(places, lane, rules, now, lines)
  local visitors, opened, records = {}, {}, {}
  for i = 1, #places, 2 do visitors[#visitors + 1] = places[i] end
  local before = redis.call('HINCRBY', pacer, 'turn', #visitors) - #visitors
  -- Where no lapse is forgiven it does not matter how many there were.
  local kept = rules.lapses_allowed > 0 and redis.call('HMGET', turns, unpack(visitors)) or {}
  local claim_by = string.format('%.0f', now + rules.window * 1000)
  local told, kept_lane = ' ' .. claim_by .. ' ' .. lane .. ' ', ':' .. lane .. ':'
  for i, visitor in ipairs(visitors) do
    local turn = string.format('%d', before + i)
    local lapses, score = kept[i] and string.match(kept[i], '^%d+:(%d+):') or '0', places[2 * i]
    opened[2 * i - 1], opened[2 * i] = claim_by, visitor
    records[2 * i - 1], records[2 * i] = visitor, turn .. ':' .. lapses .. kept_lane .. score
    lines[#lines + 1] = 'a ' .. visitor .. ' ' .. turn .. told .. score .. ' ' .. lapses
  end
  redis.call('ZADD', admitted, unpack(opened))
  redis.call('HSET', turns, unpack(records))
  return before + #visitors, tonumber(claim_by), visitors
end

local function admit(visitor, lane, score, rules, now, lines)
  return admit_all({ visitor, string.format('%.0f', score) }, lane, rules, now, lines)
end

local function note_last_admitted(lane, score)
  local field = 'last:' .. lane
  if (tonumber(redis.call('HGET', pacer, field)) or 0) < score then
    redis.call('HSET', pacer, field, string.format('%.0f', score))
  end
end
