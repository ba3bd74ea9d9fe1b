-- Needs every key of join_visitors. What a batch of joins shares: counts and tokens are read once, kept in `room`
-- while places are given, and written once.
-- @include server
-- @include ended

local function open_seats(rules, lanes, now)
  local kept = redis.call('HMGET', pacer, 'epoch', 'next', 'joined')
  local room = { rules = rules, lanes = lanes, now = now, waiting = waiting_in(lanes), new = 0 }
  for _, lane in ipairs(lanes) do lane.seats = {} end
  room.draws, room.participants = takes_participants(rules, now), {}
  room.leases, room.lease_until = {}, lease_deadline(now, rules.lease)
  room.base = arrival_score(kept[1], 0)
  room.next, room.joined = tonumber(kept[2]), tonumber(kept[3]) or 0
  room.inside = redis.call('ZCARD', admitted) + redis.call('ZCARD', active)
  -- See upkeep: the first to come after a restart into an empty room is no loss.
  if room.waiting + room.inside == 0 then redis.call('HSET', pacer, 'server', server_id()) end
  room.tokens = fill_bucket(rules, now)
  local pause = redis.call('HMGET', pacer, 'settleUntil', 'holdUntil')
  room.settling = now < math.max(tonumber(pause[1]) or 0, tonumber(pause[2]) or 0)
  -- Joins of the last 60 s: each field holds second * 2^20 + joins, so an old round is told from this one.
  room.second, room.recent, room.this_second = math.floor(now / 1000), 0, 0
  if room.waiting == 0 and rules.always_on == 0 then
    for _, value in ipairs(redis.call('HVALS', arrivals)) do
      local second = math.floor(tonumber(value) / 1048576)
      if second > room.second - 60 then room.recent = room.recent + tonumber(value) % 1048576 end
    end
  end
  return room
end

-- Idle: open, nobody waiting, a whole token, capacity left, and arrivals (this one included) and active
-- below the threshold.
local function may_pass(room, state)
  local rules = room.rules
  if state == 'open' and rules.method == 'passthrough' then return room.waiting == 0 end
  return state == 'open' and not room.settling and room.waiting == 0 and rules.always_on == 0
    and room.tokens >= 1 and room.inside < rules.capacity
    and (rules.threshold_rate == 0 or room.recent + room.new + 1 < rules.threshold_rate)
    and (rules.threshold_active == 0 or room.inside < rules.threshold_active)
end

local function add_participant(visitor, lane, score, room)
  local list = room.participants
  list[#list + 1], list[#list + 2] = score, lane.name .. ':' .. visitor
end

local function new_place(visitor, lane, room, state, lines)
  local score = room.base + room.next
  room.joined = room.joined + 1
  if room.draws then
    score = UNSCORED
    add_participant(visitor, lane, score, room)
  else
    room.next = room.next + 1
  end
  local passes = may_pass(room, state)
  room.new = room.new + 1
  if passes then
    room.inside, room.filled = room.inside + 1, true
    if room.rules.method ~= 'passthrough' then room.tokens = room.tokens - 1 end
    local turn, claim_by = admit(visitor, lane.name, score, room.rules, room.now, lines)
    note_last_admitted(lane.name, score)
    return 2, score, claim_by, turn
  end
  local seats, leases = lane.seats, room.leases
  seats[#seats + 1], seats[#seats + 2] = score, visitor
  leases[#leases + 1], leases[#leases + 2] = room.lease_until, visitor
  room.waiting, lane.waiting = room.waiting + 1, lane.waiting + 1
  return 0, score, 0, room.draws and 0 or lane.waiting
end

local function wait_again(visitor, lane, score, room)
  redis.call('ZADD', lane.queue, score, visitor)
  redis.call('ZREM', lane.away, visitor)
  redis.call('ZADD', presence, room.lease_until, visitor)
  room.waiting, lane.waiting = room.waiting + 1, lane.waiting + 1
  return 1, score, 0, redis.call('ZRANK', lane.queue, visitor) + 1
end

-- The place of a ticket, or nil when it is over. Of who is drawn the ticket has no score; until the draw nobody of
-- them can have been served.
local function find_place(visitor, lane, score, room)
  if score == UNSCORED then score = tonumber(redis.call('ZSCORE', drawn, lane.name .. ':' .. visitor)) or score end
  -- The caller does not know yet that the draw is made: only from the seed can it tell this place.
  if score == UNSCORED and room.rules.draw.madeAt > 0 then return 15, 0, 0, 0 end
  local waiting = redis.call('ZSCORE', lane.queue, visitor)
  if waiting then return 1, tonumber(waiting), 0, redis.call('ZRANK', lane.queue, visitor) + 1 end
  local turn = tonumber(string.match(redis.call('HGET', turns, visitor) or '', '^%d+'))
  if turn then
    local claim_by = redis.call('ZSCORE', admitted, visitor)
    if claim_by then return 3, score, tonumber(claim_by), turn end
    local deadline = redis.call('ZSCORE', active, visitor)
    if deadline then return 4, score, tonumber(deadline), turn end
  end
  local away = redis.call('ZSCORE', lane.away, visitor)
  if away then return wait_again(visitor, lane, tonumber(away), room) end
  local served = last_admitted(lane.name, score)
  -- Above the last admitted score nobody was served: the place was lost, or is an older epoch's and was seen here last.
  local lost = score > served or score == UNSCORED
  if lost and not ended_with_queue(visitor, lane, score) and redis.call('HEXISTS', over, visitor) == 0 then
    if score >= room.base + room.next then room.next = score - room.base + 1 end
    if score < ARRIVALS_FROM then add_participant(visitor, lane, score, room) end
    return wait_again(visitor, lane, score, room)
  end
  return nil
end

-- The new places of the batch, one call a lane: their ids are fresh, so nobody in the batch looks for them.
local function close_seats(room)
  for _, lane in ipairs(room.lanes) do
    if #lane.seats > 0 then redis.call('ZADD', lane.queue, unpack(lane.seats)) end
  end
  if #room.leases > 0 then redis.call('ZADD', presence, unpack(room.leases)) end
  if #room.participants > 0 then
    redis.call('ZADD', drawn, 'NX', unpack(room.participants))
    redis.call('HINCRBY', pacer, 'draw.joined', #room.participants / 2)
  end
  redis.call('HSET', pacer, 'next', string.format('%.0f', room.next), 'joined', string.format('%.0f', room.joined))
  if room.filled then store_bucket(room.rules, room.tokens, room.now) end
  if room.new > 0 then
    local field = room.second % 60
    local kept = tonumber(redis.call('HGET', arrivals, field)) or 0
    if math.floor(kept / 1048576) ~= room.second then kept = room.second * 1048576 end
    redis.call('HSET', arrivals, field, string.format('%.0f', kept + room.new))
  end
end
