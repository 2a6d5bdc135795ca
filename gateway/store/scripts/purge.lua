-- Note a purge under what it names. Its number is the server's time, so that one lost in a failover is never counted over.
--
-- KEYS     the book of purges
-- ARGV     name for a book that begins, life in ms, most purges noted, what is purged, wall-clock time,
--          1 when a tag is
-- returns  the purge's number

redis.call('HSETNX', KEYS[1], '@', ARGV[1])
local time = redis.call('TIME')
local number = math.max(tonumber(redis.call('HGET', KEYS[1], '#') or '0') + 1, time[1] * 1000000 + time[2])
local text = string.format('%.0f', number)

if redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[3]) then
  -- Too many to tell apart: everything stored so far is forgotten instead.
  local name = redis.call('HGET', KEYS[1], '@')
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], '@', name, 'h', text .. ' ' .. ARGV[5])
end
redis.call('HSET', KEYS[1], '#', text, ARGV[4], text .. ' ' .. ARGV[5])
if ARGV[6] == '1' then
  redis.call('HSET', KEYS[1], 't', text)
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return text
