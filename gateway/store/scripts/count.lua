-- Tell how many requests are in flight, and change nothing.
--
-- KEYS[1]  the caller as a limit counts it
-- returns  their number

return redis.call('ZCOUNT', KEYS[1], '(' .. string.format('%.0f', clock()), '+inf')
