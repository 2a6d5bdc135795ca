-- Read what stands at a place, unless the caller has seen it; then take the turn to ask the agency, if nobody has it.
--
-- KEYS     the value, its turn, the mark of its group
-- ARGV     stamp the caller has seen, token ('' wants no turn), turn's life in ms, mark for a group without one
-- returns  'found' | 'ours' | 'theirs' | 'nobodys', the group's mark, the value when found

local mark = redis.call('GET', KEYS[3]) or ''
local stamp = redis.call('GETRANGE', KEYS[1], 0, 15)
if stamp ~= '' and stamp ~= ARGV[1] then
  return { 'found', mark, redis.call('GET', KEYS[1]) }
end

local holder = redis.call('GET', KEYS[2])
if holder == 'nobody' or (not holder and ARGV[2] == '') then
  return { 'nobodys', mark }
end
if holder and holder ~= ARGV[2] then
  return { 'theirs', mark }
end

redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3])
if mark == '' then
  mark = ARGV[4]
  redis.call('SET', KEYS[3], mark, 'PX', 60000)
end
return { 'ours', mark }
