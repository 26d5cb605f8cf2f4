-- Removes consumers that are gone: they have nothing, and have asked for nothing for long.
-- KEYS[1]: the stream. ARGV[1]: the group. ARGV[2]: how long is long, in milliseconds. ARGV[3]: how many at most.
-- Answers whether the group is there.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return 0
end
local consumers = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
if consumers['err'] then
  return string.find(consumers['err'], 'NOGROUP', 1, true) and 0 or consumers
end
local removed, most = 0, tonumber(ARGV[3])
for _, consumer in ipairs(consumers) do
  local of = {}
  for at = 1, #consumer, 2 do
    of[consumer[at]] = consumer[at + 1]
  end
  if removed < most and of['pending'] == 0 and of['idle'] > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], of['name'])
    removed = removed + 1
  end
end
return 1
