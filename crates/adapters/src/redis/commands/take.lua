-- Takes entries for a consumer, one after the other, until there are enough bytes: their sizes are not known before.
-- KEYS[1]: the stream. ARGV[3]: the group. ARGV[4]: the consumer. ARGV[5]: '>' for new entries, or an id, behind which
-- those are told again that the consumer has. ARGV[6], ARGV[7]: how many and how many bytes at most.
-- Answers where to go on, empty at the end, and the entries.
local list, from, bytes = {}, ARGV[5], tonumber(ARGV[7])
for _ = 1, tonumber(ARGV[6]) do
  local reply = redis.call('XREADGROUP', 'GROUP', ARGV[3], ARGV[4], 'COUNT', 1, 'STREAMS', KEYS[1], from)
  local entry = reply and reply[1][2][1]
  if not entry then
    return { '', list }
  end
  if from ~= '>' then
    from = entry[1]
  end
  bytes = bytes - tell(list, ARGV[3], entry[1], entry)
  if bytes <= 0 then
    break
  end
end
return { from, list }
