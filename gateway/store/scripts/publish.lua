-- Append a message to the bus and let the stream live while it is of use.
--
-- KEYS[1]  the stream
-- ARGV     most messages kept, time to live in milliseconds, sender, topic, payload
-- returns  the message's id

local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 's', ARGV[3], 't', ARGV[4], 'p', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return id
