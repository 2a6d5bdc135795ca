-- Read what was purged under some names.
--
-- KEYS     the book of purges
-- ARGV     name for a book that begins, life in ms, then the names
-- returns  the book's name, its latest number, its latest number of a tag, then what stands under each name

redis.call('HSETNX', KEYS[1], '@', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('HMGET', KEYS[1], '@', '#', 't', unpack(ARGV, 3))
