-- Takes or renews a lease. KEYS[1]: the lease. ARGV[1]: who wants it. ARGV[2]: for how long, in milliseconds.
local holder = redis.call('GET', KEYS[1])
if not holder then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
if holder ~= ARGV[1] then
  return 0
end
-- Allowed also where there is no memory left.
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
