-- Tell the state of several limits and change nothing.
--
-- KEYS[i]  the caller that limit i counts
-- ARGV     for each limit: field, limit, burst (us, rest)
-- returns  now, then for each limit: us, rest

local now = clock()
local reply = { now }

for i, key in ipairs(KEYS) do
  local at = 4 * (i - 1)
  local stored = redis.call('HGET', key, ARGV[at + 1])
  local us, rest = settle(stored, now, tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4]))
  reply[#reply + 1] = us
  reply[#reply + 1] = rest
end

return reply
