-- Needs the locals pacer, admitted, active, history. Once a second, per lane a line
-- `s lane waiting lastAdmitted newest scores|marks` (newest: the highest score given so far): the score of every rank to 1,000 (the first whole, then differences),
-- then of each further percent (rank ceil(waiting * percent / 100), differences go on). Position and estimate are
-- computed from it in the gateways, so a waiting visitor costs Redis nothing. `n admitted active` goes with it.
local EXACT = 1000

local function sketch_lanes(lanes, lines)
  local given = redis.call('HMGET', pacer, 'epoch', 'next')
  local newest = 4503599627370496 + tonumber(given[1]) * 1073741824 + tonumber(given[2]) - 1
  for i, lane in ipairs(lanes) do
    local scores, marks, before = {}, {}, 0
    local function add(list, score)
      list[#list + 1] = string.format('%.0f', tonumber(score) - before)
      before = tonumber(score)
    end
    local first = redis.call('ZRANGE', lane.queue, 0, EXACT - 1, 'WITHSCORES')
    for at = 2, #first, 2 do add(scores, first[at]) end
    if lane.waiting > EXACT then
      for percent = 1, 100 do
        local rank = math.ceil(lane.waiting * percent / 100)
        if rank > EXACT then add(marks, redis.call('ZRANGE', lane.queue, rank - 1, rank - 1, 'WITHSCORES')[2] or before) end
      end
    end
    local last = redis.call('HGET', pacer, 'last:' .. lane.name) or '0'
    lines[#lines + 1] = string.format('s %d %.0f %s %.0f %s|%s', i, lane.waiting, last, newest, table.concat(scores, ','), table.concat(marks, ','))
  end
end

local function sample(lanes, now, lines)
  local waiting = 0
  for _, lane in ipairs(lanes) do waiting = waiting + lane.waiting end
  local counts = redis.call('HMGET', pacer, 'joined', 'turn', 'claimed', 'lapsed', 'ended', 'left', 'abandoned')
  local turns_open, inside = redis.call('ZCARD', admitted), redis.call('ZCARD', active)
  local fields = { 'at', string.format('%.0f', now), 'waiting', waiting, 'turnsOpen', turns_open, 'active', inside }
  for i, name in ipairs({ 'joined', 'turn', 'claimed', 'lapsed', 'ended', 'left', 'abandoned' }) do
    fields[#fields + 1] = name
    fields[#fields + 1] = counts[i] or 0
  end
  lines[#lines + 1] = string.format('n %d %d', turns_open, inside)
  redis.call('XADD', history, 'MAXLEN', '~', 3600, '*', unpack(fields))
end
