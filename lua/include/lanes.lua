-- Lanes as the room's config writes them: `standard:1,priority:3`. Two keys a lane follow the fixed ones.
local function read_lanes(text, first_key)
  local lanes = {}
  for name, weight in string.gmatch(text, '([^:,]+):(%d+)') do
    local at = first_key + 2 * #lanes
    lanes[#lanes + 1] = { name = name, weight = tonumber(weight), queue = KEYS[at], away = KEYS[at + 1] }
  end
  return lanes
end

local function waiting_in(lanes)
  local total = 0
  for _, lane in ipairs(lanes) do
    lane.waiting = redis.call('ZCARD', lane.queue)
    total = total + lane.waiting
  end
  return total
end

-- Takes a visitor out of every lane, present or away; how many places that were.
local function take_out_of(lanes, visitor)
  local places = 0
  for _, lane in ipairs(lanes) do
    places = places + redis.call('ZREM', lane.queue, visitor) + redis.call('ZREM', lane.away, visitor)
  end
  return places
end
