-- End a turn that brought nothing to share.
--
-- KEYS     the value, its turn
-- ARGV     token, for how many ms nobody is to wait for a turn here, 1 to drop the value

if redis.call('GET', KEYS[2]) == ARGV[1] then
  if tonumber(ARGV[2]) > 0 then
    redis.call('SET', KEYS[2], 'nobody', 'PX', ARGV[2])
  else
    redis.call('DEL', KEYS[2])
  end
  if ARGV[3] == '1' then
    redis.call('DEL', KEYS[1])
  end
end
return 1
