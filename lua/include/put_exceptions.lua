-- Needs put_back and the keys and locals of restore_room. Exceptions are put back all at once, each command once for all
-- of a chunk: there may be a million, and they must be back before the settling time is over. After it nobody knows
-- whether they were served meanwhile.
local absent = {}

function put.x(visitor, name, score)
  if settling then absent[#absent + 1] = { visitor, lane_named(name), score } end
end

local function put_back_absent()
  if #absent == 0 then return end
  local visitors, leases, waits = {}, {}, {}
  for i, each in ipairs(absent) do visitors[i] = each[1] end
  local reasons, records = redis.call('HMGET', over, unpack(visitors)), redis.call('HMGET', turns, unpack(visitors))
  for _, lane in ipairs(lanes) do
    lane.absent = {}
    for i, score in ipairs(redis.call('ZMSCORE', lane.queue, unpack(visitors))) do waits[i] = waits[i] or score end
  end
  for i, each in ipairs(absent) do
    local visitor, lane, score = unpack(each)
    local is_over = reasons[i] and string.sub(reasons[i], 1, 6) ~= 'served'
    if is_over or records[i] then
      -- What became of the place is known.
    elseif waits[i] then
      leases[#leases + 1], leases[#leases + 2] = lease_until, visitor
    elseif score == '-1' then
      put_away(visitor, lane, -1)
    elseif not has_ended(tonumber(score)) then
      local list = lane.absent
      list[#list + 1], list[#list + 2] = score, visitor
    end
  end
  if #leases > 0 then redis.call('ZADD', presence, 'NX', unpack(leases)) end
  for _, lane in ipairs(lanes) do
    if #lane.absent > 0 then redis.call('ZADD', lane.away, unpack(lane.absent)) end
  end
end
