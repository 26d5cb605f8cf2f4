-- Tells one entry that the consumer has.
-- KEYS[1]: the stream. ARGV[3]: the group. ARGV[4]: its entry id.
local list = {}
tell(list, ARGV[3], ARGV[4], redis.call('XRANGE', KEYS[1], ARGV[4], ARGV[4])[1])
return { '', list }
