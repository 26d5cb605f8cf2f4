-- Appends answers to a list, which has a bound and ends by itself.
-- KEYS[1]: the list. ARGV[1]: how long it stays, in milliseconds. ARGV[2]: how many answers it has at most. Then the
-- answers.
local function bound()
  redis.call('LTRIM', KEYS[1], -tonumber(ARGV[2]), -1)
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
-- Whoever may not do this may not append either: the list would stay.
bound()
redis.call('RPUSH', KEYS[1], unpack(ARGV, 3))
bound()
