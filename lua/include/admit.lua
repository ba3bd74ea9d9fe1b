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
  local told, kept_lane, at = ' ' .. claim_by .. ' ' .. lane .. ' ', ':' .. lane .. ':', #lines
  for i, visitor in ipairs(visitors) do
    local turn, score = string.format('%d', before + i), places[2 * i]
    local lapses = kept[i] and string.match(kept[i], '^%d+:(%d+):') or '0'
    opened[2 * i - 1], opened[2 * i] = claim_by, visitor
    records[2 * i - 1], records[2 * i] = visitor, turn .. ':' .. lapses .. kept_lane .. score
    lines[at + i] = 'a ' .. visitor .. ' ' .. turn .. told .. score .. ' ' .. lapses
  end
  redis.call('ZADD', admitted, unpack(opened))
  redis.call('HSET', turns, unpack(records))
  return before + #visitors, tonumber(claim_by), visitors
end

local function admit(visitor, lane, score, rules, now, lines)
  return admit_all({ visitor, string.format('%.0f', score) }, lane, rules, now, lines)
end

-- @include passed
local function note_last_admitted(lane, score)
  if last_admitted(lane, score) < score then
    redis.call('HSET', pacer, last_field(lane, score), string.format('%.0f', score))
  end
end

-- Of places in ascending order: of the drawn among them and of the arrivals behind those.
local function note_last_of(lane, places)
  local at = #places
  note_last_admitted(lane, tonumber(places[at]))
  if tonumber(places[2]) >= ARRIVALS_FROM then return end
  while tonumber(places[at]) >= ARRIVALS_FROM do at = at - 2 end
  note_last_admitted(lane, tonumber(places[at]))
end
