-- Charge several requests ahead: the first size that fits, or none.
--
-- KEYS[1]  the caller
-- ARGV     field, limit, burst (us, rest), then for each descending size: requests, cost of all (us, rest)
-- returns  now, us, rest, requests granted

local now = clock()
local field, limit = ARGV[1], tonumber(ARGV[2])
local burst_us, burst_rest = tonumber(ARGV[3]), tonumber(ARGV[4])
local stored = redis.call('HGET', KEYS[1], field)
local us, rest, lowered = settle(stored, now, limit, burst_us, burst_rest)

for at = 5, #ARGV, 3 do
  local next_us, next_rest = add(us, rest, tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), limit)
  if not is_later(next_us, next_rest, now + burst_us, burst_rest) then
    keep(KEYS[1], field, next_us, next_rest, now)
    return { now, next_us, next_rest, tonumber(ARGV[at]) }
  end
end

if lowered then
  keep(KEYS[1], field, us, rest, now)
end
return { now, us, rest, 0 }
