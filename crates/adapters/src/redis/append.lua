-- Appends entries to the stream KEYS[1], if its last id is ARGV[1]; otherwise answers what it is.
-- ARGV[2]: about how many entries to keep. ARGV[3]: the channel. Then for each entry: its id, the event's id, type and
-- JSON, the context of its trace or nothing, the number of messages to the channel, and these.
local denied = 'NOPERM the user may not publish to the channel ' .. ARGV[3]
-- What raises an error behind the first entry would leave that one in the stream. So it is asked before; servers before
-- Redis 7 can't tell.
if redis.acl_check_cmd and not redis.acl_check_cmd('PUBLISH', ARGV[3], '') then
  return redis.error_reply(denied .. '; nothing was written')
end
local last = '0-0'
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for field = 1, #info, 2 do
    if info[field] == 'last-generated-id' then
      last = info[field + 1]
    end
  end
end
if last ~= ARGV[1] then
  return last
end
local at, lost = 4, false
while at <= #ARGV do
  local fields = {'id', ARGV[at + 1], 'type', ARGV[at + 2], 'event', ARGV[at + 3]}
  if ARGV[at + 4] ~= '' then
    fields[7], fields[8] = 'traceparent', ARGV[at + 4]
  end
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], ARGV[at], unpack(fields))
  local messages = tonumber(ARGV[at + 5])
  for message = 1, messages do
    local told = redis.pcall('PUBLISH', ARGV[3], ARGV[at + 5 + message])
    lost = lost or type(told) == 'table'
  end
  at = at + 6 + messages
end
if lost then
  return redis.error_reply(denied .. '; the entries are there')
end
return false
