-- Needs the locals config and pacer. The room's rules and flags as numbers (absent = 0; the method is a word), its
-- draw, and its state by Redis time.
-- @include opening
local rule_fields = {
  rate = 'admission.ratePerMinute', burst = 'admission.burst', capacity = 'admission.capacity',
  always_on = 'queue.alwaysOn', invite_only = 'queue.inviteOnly', threshold_rate = 'queue.threshold.ratePerMinute',
  threshold_active = 'queue.threshold.active', max_waiting = 'queue.maxWaiting',
  window = 'claim.windowSeconds', lapses_allowed = 'claim.lapsesAllowed', ttl = 'session.ttlSeconds',
  grace = 'presence.graceSeconds', lease = 'presence.leaseSeconds', follow = 'stock.follow',
  prequeue_at = 'schedule.prequeueAt', opens_at = 'schedule.opensAt', closes_at = 'schedule.closesAt',
  method = 'queue.method', closed = 'flag.closed', sold_out = 'flag.soldOut', drained = 'flag.drained', paused = 'flag.paused',
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
  for i, name in ipairs(names) do
    if name == 'method' then rules.method = values[i] or 'fifo' end
  end
  rules.draw = read_draw()
  return rules
end

-- The first that applies (docs/protocol.md, room states).
local function room_state(rules, now)
  if rules.closed == 1 or rules.method == 'reject' then return 'closed' end
  if rules.closes_at > 0 and now >= rules.closes_at then return 'closed' end
  if rules.sold_out == 1 then return 'sold-out' end
  if rules.drained == 1 then return 'drained' end
  if rules.paused == 1 then return 'paused' end
  if rules.stock_held == 1 then return 'stock-held' end
  if not is_before_opening(rules, now) then return 'open' end
  -- Without a time of its own the pre-queue of a lottery is there from the start: who else would be drawn?
  local prequeue = rules.prequeue_at
  if prequeue == 0 and not is_lottery(rules) then prequeue = rules.opens_at end
  return now < prequeue and 'scheduled' or 'prequeue'
end
