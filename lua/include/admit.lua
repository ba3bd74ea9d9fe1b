-- Needs the locals pacer, admitted, turns. Gives turns to `places` (visitor, score as text, visitor, ...) of a lane:
-- opens the claim window and counts. A visitor's entry in `turns` is `turn:lapses:lane:score` and stays while the
-- turn, its session or a second chance lives. Each command goes once for all of them, and so does the line, for a tick
-- gives up to 500: `h lane claimBy turn visitor score visitor score ...`, turns from `turn` on, `score,lapses` for who
-- lapsed before.
local function admit_all(places, lane, rules, now, lines)
  local visitors, opened, records, told = {}, { unpack(places) }, { unpack(places) }, places
  for i = 1, #places / 2 do visitors[i] = places[2 * i - 1] end
  local before = redis.call('HINCRBY', pacer, 'turn', #visitors) - #visitors
  -- Where no lapse is forgiven it does not matter how many there were.
  local kept = {}
  if rules.lapses_allowed > 0 then kept, told = redis.call('HMGET', turns, unpack(visitors)), { unpack(places) } end
  local claim_by, never = string.format('%.0f', now + rules.window * 1000), ':0:' .. lane .. ':'
  for i, visitor in ipairs(visitors) do
    local score, lapses = places[2 * i], kept[i] and string.match(kept[i], '^%d+:([1-9]%d*):')
    opened[2 * i - 1], opened[2 * i] = claim_by, visitor
    records[2 * i] = (before + i) .. (lapses and ':' .. lapses .. ':' .. lane .. ':' or never) .. score
    if lapses then told[2 * i] = score .. ',' .. lapses end
  end
  lines[#lines + 1] = string.format('h %s %s %d ', lane, claim_by, before + 1) .. table.concat(told, ' ')
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
