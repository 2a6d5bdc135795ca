-- Take a slot under every limit, or none when an enforced one is reached; a shadow one stops nobody.
--
-- KEYS[i]  the caller as limit i counts it
-- ARGV     token, lease in milliseconds, then for each limit: limit, 1 when enforced
-- returns  for each limit: how many were in flight before

local now = clock()
local token, lease = ARGV[1], tonumber(ARGV[2])
local before = {}
local admitted = true

for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  before[i] = redis.call('ZCARD', key)
  if before[i] >= tonumber(ARGV[2 * i + 1]) and ARGV[2 * i + 2] == '1' then
    admitted = false
  end
end

if admitted then
  for _, key in ipairs(KEYS) do
    hold(key, token, now, lease)
  end
end
return before
