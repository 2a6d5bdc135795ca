-- Put a value at its place and end the turn, unless the group was forgotten since the agency was asked.
--
-- KEYS     the value, its turn, the mark of its group
-- ARGV     value, its life in ms, the group's mark when the agency was asked, token
-- returns  1 when it is kept

local holder = redis.call('GET', KEYS[2])
if holder == ARGV[4] or holder == 'nobody' then
  redis.call('DEL', KEYS[2])
end
if redis.call('GET', KEYS[3]) ~= ARGV[3] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
-- A value without its mark counts for nothing, so the mark lives as long as the longest-lived of the group.
if redis.call('PTTL', KEYS[3]) < tonumber(ARGV[2]) then
  redis.call('PEXPIRE', KEYS[3], ARGV[2])
end
return 1
