-- Needs put_back and the keys and locals of restore_room. Up to where places are over, and what else is one number.
local SWEEP = 500

function put.m(name, score) raise(last_field(name, tonumber(score)), score) end

function put.n(turn) raise('turn', turn) end

function put.k(capacity, held, sold, at)
  if (tonumber(redis.call('HGET', pacer, 'stock.at')) or -1) >= tonumber(at) then return end
  redis.call('HSET', pacer, 'stock.capacity', capacity, 'stock.held', held, 'stock.sold', sold, 'stock.at', at)
end

function put.z(score, why)
  local highest = tonumber(score)
  if has_ended(highest) then return end
  local field, lowest = ended_field(highest), highest < ARRIVALS_FROM and '-inf' or string.format('%.0f', ARRIVALS_FROM)
  up_to[field] = highest
  redis.call('HSET', pacer, field, score, 'endedBy', why)
  for _, lane in ipairs(lanes) do
    redis.call('ZREMRANGEBYSCORE', lane.queue, lowest, score)
    redis.call('ZREMRANGEBYSCORE', lane.away, lowest, score)
  end
end

-- Who survived at or below the last admitted score of their kind and had been served since: all of them, the exceptions
-- are put back one by one. Once an epoch for every score, so that nobody takes out what another has put back.
function put.s(name, score)
  local lane = lane_named(name)
  local is_drawn, epochId = tonumber(score) < ARRIVALS_FROM, ARGV[1]
  local field = (is_drawn and 'sweptDrawn:' or 'swept:') .. lane.name
  local from = string.match(redis.call('HGET', pacer, field) or '', '^' .. epochId .. ':(%d+)$')
    or (is_drawn and '-1' or string.format('%.0f', ARRIVALS_FROM - 1))
  if lane.name ~= name or tonumber(from) >= tonumber(score) then return end
  for _, key in ipairs({ lane.queue, lane.away }) do
    local some = redis.call('ZRANGEBYSCORE', key, '(' .. from, score, 'LIMIT', 0, SWEEP)
    if #some > 0 then redis.call('ZREM', key, unpack(some)) end
    if #some == SWEEP then more = 1 end
  end
  if more == 0 then redis.call('HSET', pacer, field, epochId .. ':' .. score) end
end

-- All that a gateway knew has been put back: the others look where their visitors stand. One that knew everything
-- knew who is inside.
function put.p(complete)
  if complete == '1' then redis.call('HDEL', pacer, 'holdUntil') end
  lines[#lines + 1] = 'b'
end
