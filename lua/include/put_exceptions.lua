-- Needs put_back and the keys and locals of restore_room. Exceptions are put back all at once, each command once for all
-- of a chunk: there may be a million, of every gateway, and they must be back before the settling time is over. After it
-- nobody knows whether they were served meanwhile.
for _, lane in ipairs(lanes) do lane.visitors, lane.scores = {}, {} end

function put.x(visitor, name, score)
  local lane = settling and lane_named(name)
  if not lane then return end
  local at = #lane.visitors + 1
  lane.visitors[at], lane.scores[at] = visitor, score
end

-- Those of the lane who are not back yet, by this gateway's word or another's.
local function keep_unknown(lane)
  local visitors, scores = {}, {}
  for i, score in ipairs(redis.call('ZMSCORE', lane.away, unpack(lane.visitors))) do
    if not score then visitors[#visitors + 1], scores[#scores + 1] = lane.visitors[i], lane.scores[i] end
  end
  lane.visitors, lane.scores = visitors, scores
end

local function put_back_absent_of(lane)
  if #lane.visitors > 0 then keep_unknown(lane) end
  local visitors, leases, back, waits = lane.visitors, {}, {}, {}
  if #visitors == 0 then return end
  local reasons, records = redis.call('HMGET', over, unpack(visitors)), redis.call('HMGET', turns, unpack(visitors))
  for _, other in ipairs(lanes) do
    for i, score in ipairs(redis.call('ZMSCORE', other.queue, unpack(visitors))) do waits[i] = waits[i] or score end
  end
  for i, visitor in ipairs(visitors) do
    local score = lane.scores[i]
    local is_over = reasons[i] and string.sub(reasons[i], 1, 6) ~= 'served'
    if is_over or records[i] then
      -- What became of the place is known.
    elseif waits[i] then
      leases[#leases + 1], leases[#leases + 2] = lease_until, visitor
    elseif score == '-1' then
      put_away(visitor, lane, -1)
    elseif not has_ended(tonumber(score)) then
      back[#back + 1], back[#back + 2] = score, visitor
    end
  end
  if #leases > 0 then redis.call('ZADD', presence, 'NX', unpack(leases)) end
  if #back > 0 then redis.call('ZADD', lane.away, unpack(back)) end
end

local function put_back_absent()
  for _, lane in ipairs(lanes) do put_back_absent_of(lane) end
end
