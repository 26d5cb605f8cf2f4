-- Takes entries over that were delivered to whomever and have been idle for too long.
-- KEYS[1]: the stream. ARGV[3]: the group. ARGV[4]: the consumer. ARGV[5]: where to go on. ARGV[6], ARGV[7]: how many and
-- how many bytes at most. ARGV[8]: how long is too long, in milliseconds.
-- Answers where to go on, '0-0' at the end, and the entries.
local list, cursor, bytes = {}, ARGV[5], tonumber(ARGV[7])
for _ = 1, tonumber(ARGV[6]) do
  local reply = redis.call('XAUTOCLAIM', KEYS[1], ARGV[3], ARGV[4], ARGV[8], cursor, 'COUNT', 1, 'JUSTID')
  cursor = reply[1]
  for _, id in ipairs(reply[2]) do
    bytes = bytes - tell(list, ARGV[3], id, redis.call('XRANGE', KEYS[1], id, id)[1])
  end
  if cursor == '0-0' or bytes <= 0 then
    break
  end
end
return { cursor, list }
