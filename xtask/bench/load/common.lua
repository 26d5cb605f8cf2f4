-- What all loads share: arguments, order ids, the choice of products, and the result.
--
-- Arguments have the form `name=value`. The result is printed as lines of `name value`, for the bench to parse.

local threads = {}

function setup(thread)
   thread:set("number", #threads)
   threads[#threads + 1] = thread
end

-- Parses the arguments into `given`, numbers as numbers.
local function read_arguments(args)
   given = {}
   for _, word in ipairs(args) do
      local name, value = word:match("^(%w+)=(.*)$")
      given[name] = tonumber(value) or value
   end
end

-- The cumulative weights of the products by Zipf's law: the n-th weighs 1/n of the first.
local function cumulative_weights(products)
   local sums, sum = {}, 0
   for rank = 1, products do
      sum = sum + 1 / rank
      sums[rank] = sum
   end
   return sums
end

-- A random product number, from 0: uniform, or by Zipf's law.
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

-- A new order id: rising or random.
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
   head = " HTTP/1.1\r\nHost: localhost\r\n" .. (given.key and "Authorization: Bearer " .. given.key .. "\r\n" or "")
      .. "Content-Type: application/json\r\nContent-Length: "
   asked = 0
   statuses = {}
   retry_after = 0
   sums = given.skew == "zipf" and cumulative_weights(given.products) or nil
   if given.pause then
      -- Think time before each request, uniform up to twice the mean, so that connections do not run in step.
      function delay() return math.random(0, 2 * given.pause) end
   end
   if prepare then prepare() end
end

function post(path, body)
   return "POST " .. path .. head .. #body .. "\r\n\r\n" .. body
end

function response(status, headers)
   statuses[status] = (statuses[status] or 0) + 1
   if status == 503 and (headers["retry-after"] or headers["Retry-After"]) then
      retry_after = retry_after + 1
   end
end

function done(summary, latency, requests)
   local function print_value(name, value)
      io.write(name, " ", string.format("%d", value), "\n")
   end
   local counts, retry = {}, 0
   for _, thread in ipairs(threads) do
      retry = retry + thread:get("retry_after")
      for status, count in pairs(thread:get("statuses")) do
         counts[status] = (counts[status] or 0) + count
      end
   end
   print_value("duration_us", summary.duration)
   for status, count in pairs(counts) do
      print_value("status_" .. status, count)
   end
   -- `errors.status` is not added: those responses are among the statuses.
   local errors = summary.errors
   print_value("broken", errors.connect + errors.read + errors.write + errors.timeout)
   print_value("retry_after", retry)
   print_value("p50_us", latency:percentile(50))
   print_value("p90_us", latency:percentile(90))
   print_value("p99_us", latency:percentile(99))
   print_value("max_us", latency.max)
end
