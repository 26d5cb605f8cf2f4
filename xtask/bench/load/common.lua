-- What all loads share: their arguments, order ids, the choice of products, and what they tell in the end.
--
-- Arguments are words of `name=value`. What comes of a load is told as lines of `name value`, for a program to read.

local threads = {}

function setup(thread)
   thread:set("number", #threads)
   threads[#threads + 1] = thread
end

-- Reads the arguments into `given`, with numbers as numbers.
local function read_arguments(args)
   given = {}
   for _, word in ipairs(args) do
      local name, value = word:match("^(%w+)=(.*)$")
      given[name] = tonumber(value) or value
   end
end

-- How often each product is asked for, summed up, by Zipf's law: the second half as often as the first, the third a
-- third as often.
local function sum_up(products)
   local sums, sum = {}, 0
   for rank = 1, products do
      sum = sum + 1 / rank
      sums[rank] = sum
   end
   return sums
end

-- A product's number, from 0: each as likely as any other, or by Zipf's law.
function any_product()
   if not sums then
      return math.random(0, given.products - 1)
   end
   local drawn = math.random() * sums[#sums]
   local low, high = 1, #sums
   while low < high do
      local middle = math.floor((low + high) / 2)
      if sums[middle] < drawn then low = middle + 1 else high = middle end
   end
   return low - 1
end

-- An order id that was never used before: rising as a shop counts its orders, or random.
function next_order()
   asked = asked + 1
   if given.keys == "random" then
      return string.format("%08x-%04x-%04x-%04x-%08x%04x", math.random(0, 4294967295), math.random(0, 65535),
         math.random(0, 65535), math.random(0, 65535), math.random(0, 4294967295), math.random(0, 65535))
   end
   return string.format("%s%012d", orders, asked)
end

function init(args)
   read_arguments(args)
   math.randomseed(os.time() * 1000 + given.seed * 16 + number)
   orders = string.format("o-%s-%d-", given.run, number)
   asked = 0
   statuses = {}
   retry_after = 0
   sums = given.skew == "zipf" and sum_up(given.products) or nil
   if given.pause then
      -- Before each request, the first too; of all lengths up to twice the mean, so that nobody marches in step.
      function delay() return math.random(0, 2 * given.pause) end
   end
   if prepare then prepare() end
end

function post(path, body)
   return "POST " .. path .. " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
      .. #body .. "\r\n\r\n" .. body
end

function response(status, headers)
   statuses[status] = (statuses[status] or 0) + 1
   if status == 503 and (headers["retry-after"] or headers["Retry-After"]) then
      retry_after = retry_after + 1
   end
end

function done(summary, latency, requests)
   local function tell(name, value)
      io.write(name, " ", string.format("%d", value), "\n")
   end
   local counts, told = {}, 0
   for _, thread in ipairs(threads) do
      told = told + thread:get("retry_after")
      for status, count in pairs(thread:get("statuses")) do
         counts[status] = (counts[status] or 0) + count
      end
   end
   tell("duration_us", summary.duration)
   for status, count in pairs(counts) do
      tell("status_" .. status, count)
   end
   -- Answers with an error status are among the statuses already.
   local errors = summary.errors
   tell("broken", errors.connect + errors.read + errors.write + errors.timeout)
   tell("retry_after", told)
   tell("p50_us", latency:percentile(50))
   tell("p90_us", latency:percentile(90))
   tell("p99_us", latency:percentile(99))
   tell("max_us", latency.max)
end
