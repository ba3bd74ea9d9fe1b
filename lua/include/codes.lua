-- Needs the locals codes and code_batches. What a code of a join grants: the lane, its number, and whether the code can
-- be used now; nil for a code that is not known or whose lane there is not (any more).
local function read_code(hash, lanes, now)
  local batch, used = string.match(redis.call('HGET', codes, hash) or '', '^([^:]+):(%d+)$')
  if not batch then return nil end
  local lane, uses, ends = string.match(redis.call('HGET', code_batches, batch) or '', '^([^:]+):(%d+):(%d+):')
  for at, known in ipairs(lanes) do
    if known.name == lane then
      local usable = (uses == '0' or tonumber(used) < tonumber(uses)) and (ends == '0' or now < tonumber(ends))
      return { hash = hash, batch = batch, used = tonumber(used), lane = known, at = at, usable = usable }
    end
  end
  return nil
end

-- What the code of a join comes to where `code` is what was found of its place in `lane`: the grant for a new place, and
-- the code of the reply: nil = a new place, 16 = the code grants nothing. Who has the place that the code grants has it.
local function weigh_code(hash, code, lane, lanes, now)
  if hash == '' or (code and code ~= 1) then return nil, code end
  local grant = read_code(hash, lanes, now)
  if code == 1 and grant and grant.lane == lane then return nil, 1 end
  if not grant or not grant.usable then return nil, 16 end
  return grant, nil
end

local function use_code(code)
  redis.call('HSET', codes, code.hash, code.batch .. ':' .. string.format('%.0f', code.used + 1))
  redis.call('HINCRBY', code_batches, 'used:' .. code.batch, 1)
  return code.lane
end
