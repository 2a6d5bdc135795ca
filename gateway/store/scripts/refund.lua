-- Give back what was charged for requests that never happened, less what has drained since.
--
-- KEYS[1]  the caller
-- ARGV     field, limit, burst (us, rest), what was charged (us, rest), when (us)
-- returns  now, us, rest

local now = clock()
local field, limit = ARGV[1], tonumber(ARGV[2])
local stored = redis.call('HGET', KEYS[1], field)
local us, rest = settle(stored, now, limit, tonumber(ARGV[3]), tonumber(ARGV[4]))
if not stored then
  return { now, us, rest }
end

local drained = math.max(0, now - tonumber(ARGV[7]))
local back_us, back_rest = tonumber(ARGV[5]) - drained, tonumber(ARGV[6])
if back_us >= 0 then
  us, rest = subtract(us, rest, back_us, back_rest, limit)
  if us < now then
    us, rest = now, 0
  end
  keep(KEYS[1], field, us, rest, now)
end
return { now, us, rest }
