-- Hold slots for another lease; a server that lost them learns of them again.
--
-- KEYS[1]  the caller as a limit counts it
-- ARGV     lease in milliseconds, then tokens

local now = clock()
for i = 2, #ARGV do
  hold(KEYS[1], ARGV[i], now, tonumber(ARGV[1]))
end
return #ARGV - 1
