-- Needs the local config. The room's rules and flags as numbers (absent = 0), and its state by Redis time.
local rule_fields = {
  rate = 'admission.ratePerMinute', burst = 'admission.burst', capacity = 'admission.capacity',
  always_on = 'queue.alwaysOn', threshold_rate = 'queue.threshold.ratePerMinute',
  threshold_active = 'queue.threshold.active', max_waiting = 'queue.maxWaiting',
  window = 'claim.windowSeconds', lapses_allowed = 'claim.lapsesAllowed', ttl = 'session.ttlSeconds',
  grace = 'presence.graceSeconds', lease = 'presence.leaseSeconds', follow = 'stock.follow',
  prequeue_at = 'schedule.prequeueAt', opens_at = 'schedule.opensAt', closes_at = 'schedule.closesAt',
  closed = 'flag.closed', sold_out = 'flag.soldOut', drained = 'flag.drained', paused = 'flag.paused',
  stock_held = 'flag.stockHeld', version = 'version',
}

local function read_rules()
  local names, fields, rules = {}, {}, {}
  for name, field in pairs(rule_fields) do
    names[#names + 1] = name
    fields[#fields + 1] = field
  end
  local values = redis.call('HMGET', config, unpack(fields))
  for i, name in ipairs(names) do rules[name] = tonumber(values[i]) or 0 end
  return rules
end

-- The first that applies (docs/protocol.md, room states).
local function room_state(rules, now)
  if rules.closed == 1 or (rules.closes_at > 0 and now >= rules.closes_at) then return 'closed' end
  if rules.sold_out == 1 then return 'sold-out' end
  if rules.drained == 1 then return 'drained' end
  if rules.paused == 1 then return 'paused' end
  if rules.stock_held == 1 then return 'stock-held' end
  if rules.opens_at > now then
    local prequeue = rules.prequeue_at > 0 and rules.prequeue_at or rules.opens_at
    return now < prequeue and 'scheduled' or 'prequeue'
  end
  return 'open'
end
