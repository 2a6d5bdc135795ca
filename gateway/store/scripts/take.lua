-- Charge one request to every limit, or to none when an enforced one denies; a shadow one stops nobody.
--
-- KEYS[i]  the caller that limit i counts
-- ARGV     for each limit: field, limit, cost (us, rest), burst (us, rest), 1 when enforced
-- returns  now, then for each limit: us, rest, 1 when it allows

local now = clock()
local reply = { now }
local writes = {}
local admitted = true

for i, key in ipairs(KEYS) do
  local at = 7 * (i - 1)
  local field, limit = ARGV[at + 1], tonumber(ARGV[at + 2])
  local burst_us, burst_rest = tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  local stored = redis.call('HGET', key, field)
  local us, rest, lowered = settle(stored, now, limit, burst_us, burst_rest)
  local next_us, next_rest = add(us, rest, tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]), limit)
  local fits = not is_later(next_us, next_rest, now + burst_us, burst_rest)
  if not fits and ARGV[at + 7] == '1' then
    admitted = false
  end
  writes[i] = { field = field, us = us, rest = rest, lowered = lowered, fits = fits, next_us = next_us, next_rest = next_rest }
end

for i, write in ipairs(writes) do
  if admitted and write.fits then
    write.us, write.rest = write.next_us, write.next_rest
    keep(KEYS[i], write.field, write.us, write.rest, now)
  elseif write.lowered then
    keep(KEYS[i], write.field, write.us, write.rest, now)
  end
  reply[#reply + 1] = write.us
  reply[#reply + 1] = write.rest
  reply[#reply + 1] = write.fits and 1 or 0
end

return reply
