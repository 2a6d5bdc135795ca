-- A bucket's state, and arithmetic on it that never rounds; put before every script. Theory: gateway/rules/quota.py.
--
-- A TAT is a pair: whole microseconds, and a rest of 0 <= rest < limit in units of 1/limit microsecond. Doubles hold
-- integers exactly up to 2^53, which the microseconds reach in the year 2255; nothing here multiplies large numbers.
-- It is stored as "<microseconds>", or "<microseconds>:<rest>" when there is one, in one field a limit of one hash a
-- caller. The format is part of the key's name: another format gets another name, and both run side by side.

local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2]
end

local function is_later(us, rest, other_us, other_rest)
  return us > other_us or (us == other_us and rest > other_rest)
end

local function add(us, rest, more_us, more_rest, limit)
  local sum = rest + more_rest
  if sum >= limit then
    return us + more_us + 1, sum - limit
  end
  return us + more_us, sum
end

local function subtract(us, rest, less_us, less_rest, limit)
  local difference = rest - less_rest
  if difference < 0 then
    return us - less_us - 1, difference + limit
  end
  return us - less_us, difference
end

-- Bring what is stored into what is possible now: neither before it nor more than a burst ahead.
-- Also tells whether it was beyond that.
local function settle(stored, now, limit, burst_us, burst_rest)
  local us, rest = now, 0
  if stored then
    local whole, part = string.match(stored, '^(%d+):?(%d*)$')
    us, rest = tonumber(whole), tonumber(part) or 0
    if rest >= limit then
      rest = limit - 1 -- written under a larger limit of the same name
    end
  end
  if us < now then
    return now, 0, false
  end
  if is_later(us, rest, now + burst_us, burst_rest) then
    return now + burst_us, burst_rest, true
  end
  return us, rest, false
end

-- Write a state, and let the key live until every limit in it is as good as new.
local function keep(key, field, us, rest, now)
  local text = string.format('%.0f', us)
  if rest > 0 then
    text = text .. string.format(':%.0f', rest)
  end
  redis.call('HSET', key, field, text)
  local ttl = math.ceil((us + 1 - now) / 1000)
  if redis.call('PTTL', key) < ttl then
    redis.call('PEXPIRE', key, ttl)
  end
end
