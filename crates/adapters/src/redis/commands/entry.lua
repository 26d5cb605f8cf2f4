-- What is told of an entry: its entry id, the length of its command, the command or how it begins, its id, and the fields
-- correlation_id and reply_to. What is too long does not leave the server.
-- ARGV[1]: how long a command may be. ARGV[2]: how much is kept of a longer one.
local longest, kept = tonumber(ARGV[1]), tonumber(ARGV[2])

-- So much may come in a field that is not the command: an id longer than that is told by its digest, others are left out.
local MAX_FIELD = 1024

local function told(entry)
  local known, fields = {}, entry[2]
  for at = 1, #fields, 2 do
    known[fields[at]] = fields[at + 1]
  end
  local command = known['command']
  local length = command and #command
  if not command then
    -- It is no command, and is told as text that nobody takes for one.
    local text = { 'an entry without the field command:' }
    for at = 1, math.min(#fields, 32), 2 do
      text[#text + 1] = string.sub(fields[at], 1, kept) .. '=' .. string.sub(fields[at + 1], 1, kept)
    end
    command = string.sub(table.concat(text, ' '), 1, kept)
    length = #command
  elseif length > longest then
    command = string.sub(command, 1, kept)
  end
  local id = known['id'] or ''
  if id == '' then
    -- A server that has lost its end may give an entry id again, and senders may choose it.
    id = entry[1] .. ':' .. redis.sha1hex(length .. ':' .. command)
  elseif #id > MAX_FIELD then
    id = 'sha1:' .. redis.sha1hex(id)
  end
  local short = function(name)
    local value = known[name] or ''
    return #value <= MAX_FIELD and value or ''
  end
  return { entry[1], tostring(length), command, id, short('correlation_id'), short('reply_to') }
end

-- Adds what is told of an entry to a list. One that was deleted meanwhile is nobody's any more. Answers the bytes of it.
local function tell(list, group, id, entry)
  if not entry or not entry[2] then
    redis.call('XACK', KEYS[1], group, id)
    return 0
  end
  local one = told(entry)
  list[#list + 1] = one
  return #one[3]
end
