-- Appends answers to lists, which have a bound and end by themselves.
-- KEYS: the lists. ARGV[1]: how long a list stays, in milliseconds. ARGV[2]: how many answers it has at most. Then an
-- answer for each list. Answers how many could not be sent, because something else has the name.
local lost = 0
for at, list in ipairs(KEYS) do
  local kind = redis.call('TYPE', list)['ok']
  if kind == 'none' or kind == 'list' then
    redis.call('RPUSH', list, ARGV[at + 2])
    redis.call('LTRIM', list, -tonumber(ARGV[2]), -1)
    redis.call('PEXPIRE', list, ARGV[1])
  else
    lost = lost + 1
  end
end
return lost
