-- Acknowledges entries, and deletes them if nobody else reads the stream: what is done is gone.
-- KEYS[1]: the stream. ARGV[1]: the group. Then the entry ids.
if redis.call('EXISTS', KEYS[1]) == 0 then
  return
end
local is_only_reader = #redis.call('XINFO', 'GROUPS', KEYS[1]) == 1
for at = 2, #ARGV do
  -- Only what was delivered to this group, so that no other entry goes that was given the same id.
  if redis.call('XACK', KEYS[1], ARGV[1], ARGV[at]) == 1 and is_only_reader then
    redis.call('XDEL', KEYS[1], ARGV[at])
  end
end
