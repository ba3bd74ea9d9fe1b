-- Needs the keys and locals of restore_room. Puts back one fact of the spent record each; see spent_words for their
-- form. Facts may come from several gateways, in any order and more than once: the later one wins, by the turn's
-- number and then by what became of the turn.
local stage_of = { a = 0, c = 1, w = 2 }
local put = {}

local function take_out(visitor)
  take_out_of(lanes, visitor)
  redis.call('ZREM', presence, visitor)
end

local function is_over(visitor)
  local why = redis.call('HGET', over, visitor)
  return why and string.match(why, '^%a+') ~= 'served'
end

local function kept_turn(visitor)
  local turn = tonumber(string.match(redis.call('HGET', turns, visitor) or '', '^%d+'))
  if not turn then return -1, 0 end
  if redis.call('ZSCORE', admitted, visitor) then return turn, 0 end
  return turn, redis.call('ZSCORE', active, visitor) and 1 or 2
end

local function end_turn(visitor)
  take_out(visitor)
  redis.call('ZREM', admitted, visitor)
  redis.call('ZREM', active, visitor)
  redis.call('HDEL', turns, visitor)
end

local function put_away(visitor, lane, score)
  if score == -1 then
    local member = lane.name .. ':' .. visitor
    redis.call('ZADD', drawn, 'NX', -1, member)
    score = tonumber(redis.call('ZSCORE', drawn, member))
  end
  if has_ended(score) then return end
  for _, other in ipairs(lanes) do
    -- Waits already: whoever holds the visitor says so, else this runs out.
    if redis.call('ZSCORE', other.queue, visitor) then
      redis.call('ZADD', presence, 'NX', lease_until, visitor)
      return
    end
  end
  redis.call('ZADD', lane.away, score, visitor)
end

-- A turn, a session, or waiting again after a lapse. A turn that could not be claimed meanwhile gets its window anew.
local function put_turn(stage, visitor, turn, lapses, name, score, deadline)
  local number = tonumber(turn)
  if number <= first_turn or is_over(visitor) or redis.call('ZSCORE', ended, visitor .. '.' .. turn) then return end
  local kept, kept_stage = kept_turn(visitor)
  if kept > number or kept == number and kept_stage > stage then return end
  if stage == 0 and not settling and deadline <= opened_at then return end
  if stage == 2 and not settling then return end
  if stage == 1 and deadline <= now then return end_turn(visitor) end
  local lane = lane_named(name)
  redis.call('HSET', turns, visitor, turn .. ':' .. lapses .. ':' .. name .. ':' .. score)
  if stage ~= 0 then redis.call('ZREM', admitted, visitor) end
  if stage == 2 then return put_away(visitor, lane, tonumber(score)) end
  take_out(visitor)
  if stage == 0 then deadline = math.max(deadline, settle_until + window) end
  redis.call('ZADD', stage == 0 and admitted or active, 'GT', deadline, visitor)
end

for letter, stage in pairs(stage_of) do
  put[letter] = function(visitor, turn, lapses, name, score, deadline)
    put_turn(stage, visitor, turn, lapses, name, score, tonumber(deadline))
  end
end

-- `served` only says that the place was let in out of turn: its turn and session have words of their own.
function put.q(visitor, why, name, score)
  if why == 'served' then
    take_out(visitor)
    redis.call('HSETNX', over, visitor, why .. ':' .. name .. ':' .. score)
    return
  end
  end_turn(visitor)
  if list_is_open then redis.call('ZREM', drawn, name .. ':' .. visitor) end
  redis.call('HSET', over, visitor, why .. ':' .. name .. ':' .. score)
end

function put.e(visitor, turn, deadline)
  if tonumber(deadline) > now then redis.call('ZADD', ended, 'GT', deadline, visitor .. '.' .. turn) end
  if kept_turn(visitor) <= tonumber(turn) then end_turn(visitor) end
end
