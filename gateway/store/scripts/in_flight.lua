-- Requests in flight under one limit: a sorted set of tokens by when their lease ends, in milliseconds of the server's
-- clock. Put before the scripts that use it. Theory: gateway/rules/concurrency.py.

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- The key lives as long as its last lease.
local function hold(key, token, now, lease)
  redis.call('ZADD', key, now + lease, token)
  redis.call('PEXPIRE', key, lease)
end
