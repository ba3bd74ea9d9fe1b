-- Needs the locals config and pacer. When the room opens, and the draw that stands between its opening and the first
-- admission. A run has one seed (`draw.sealedAt` says since when); whoever joins a lottery before it opens is drawn,
-- whatever becomes of the method afterwards. `draw.doneAt`: the draw is made and everybody may be admitted;
-- `draw.madeAt`: it was made once, so seed and scores are public, and after a loss are only written again.
local UNSCORED = -1
local draw_fields = { 'sealedAt', 'joined', 'openedAt', 'frozenAt', 'written', 'madeAt', 'doneAt' }

local function read_draw()
  local fields, draw = {}, {}
  for i, name in ipairs(draw_fields) do fields[i] = 'draw.' .. name end
  local values = redis.call('HMGET', pacer, unpack(fields))
  for i, name in ipairs(draw_fields) do draw[name] = tonumber(values[i]) or 0 end
  return draw
end

local function is_lottery(rules)
  return rules.method == 'lottery' or rules.draw.joined > 0
end

-- In ms; a lottery without `schedule.opensAt` opens at the operator's word, and until then never.
local function opening_of(rules)
  if rules.opens_at > 0 then return rules.opens_at end
  if not is_lottery(rules) then return 0 end
  if rules.draw.openedAt > 0 then return rules.draw.openedAt end
  return rules.draw.frozenAt > 0 and rules.draw.frozenAt or math.huge
end

-- A draw is to be made before anybody is admitted. An opening that was over when the seed was made draws nobody.
local function awaits_draw(rules)
  if rules.draw.doneAt > 0 or not is_lottery(rules) then return false end
  return rules.draw.frozenAt > 0 or opening_of(rules) > rules.draw.sealedAt
end

local function is_before_opening(rules, now)
  return now < opening_of(rules) or awaits_draw(rules)
end

-- Who joins now is drawn.
local function takes_participants(rules, now)
  return rules.method == 'lottery' and rules.draw.frozenAt == 0 and now < opening_of(rules)
end

-- After a change: `open` opens a lottery that has no schedule, and so does another method when somebody is to be drawn.
local function note_opening(rules, action, now)
  if rules.opens_at > 0 or rules.draw.openedAt > 0 or rules.draw.frozenAt > 0 then return end
  if rules.method == 'lottery' and action ~= 'open' then return end
  if is_lottery(rules) then redis.call('HSET', pacer, 'draw.openedAt', string.format('%.0f', now)) end
end

-- The tick at the opening closes the list of participants; the one that finds every score written ends the draw.
-- Line `d doneAt seed beacon`: the draw has moved on; seed and beacon only when it is done. True when it is done now.
local function move_draw(rules, drawn, now, settled, lines)
  local draw = rules.draw
  if draw.sealedAt == 0 or not settled or now < opening_of(rules) or not awaits_draw(rules) then return false end
  local fields = {}
  if draw.frozenAt == 0 then
    draw.frozenAt = now
    local participants = redis.call('ZCARD', drawn)
    fields = { 'draw.frozenAt', string.format('%.0f', now), 'draw.participants', participants }
    -- With nobody to draw there is nothing to wait for; the hash is that of the empty list.
    if participants == 0 then
      draw.written = 1
      fields[5], fields[6] = 'draw.hash', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
    end
  end
  local first = draw.written == 1 and redis.call('ZRANGE', drawn, 0, 0, 'WITHSCORES')[2]
  if first and tonumber(first) == UNSCORED then
    -- After a loss: somebody came back since the last score was written.
    redis.call('HDEL', pacer, 'draw.written')
    lines[#lines + 1] = 'd 0'
  elseif draw.written == 1 then
    draw.doneAt = now
    fields[#fields + 1], fields[#fields + 2] = 'draw.doneAt', string.format('%.0f', now)
    redis.call('HSETNX', pacer, 'draw.madeAt', string.format('%.0f', now))
  end
  if #fields == 0 then return false end
  redis.call('HSET', pacer, unpack(fields))
  if draw.doneAt == 0 then
    lines[#lines + 1] = 'd 0'
    return false
  end
  local public = redis.call('HMGET', pacer, 'draw.seed', 'draw.beacon')
  lines[#lines + 1] = string.format('d %.0f %s %s', draw.doneAt, public[1], public[2] or '')
  return true
end
