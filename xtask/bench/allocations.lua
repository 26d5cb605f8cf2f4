-- The load: each connection asks for one unit of a product, waits for the answer, and asks again.
--
-- Called with the run's name and the number of products. Order ids are unique: the run, the thread, a count.
-- What comes of it is told as lines of `name value`, for a program to read.

local threads = {}

function setup(thread)
   thread:set("number", #threads)
   threads[#threads + 1] = thread
end

function init(args)
   local run, products = args[1], tonumber(args[2])
   math.randomseed(os.time() + number)
   orders = run .. "-" .. number .. "-"
   asked = 0
   statuses = {}
   -- All but the order id is made once: the machine is shared with what is measured.
   tails = {}
   for product = 0, products - 1 do
      tails[product] = string.format('","sku":"SKU-%06d","quantity":1}', product)
   end
   last = products - 1
end

function request()
   asked = asked + 1
   local body = '{"order_id":"' .. orders .. asked .. tails[math.random(0, last)]
   return "POST /v1/allocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
      .. #body .. "\r\n\r\n" .. body
end

function response(status)
   statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency, requests)
   local function tell(name, value)
      io.write(name, " ", string.format("%d", value), "\n")
   end
   local counts = {}
   for _, thread in ipairs(threads) do
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
   tell("p50_us", latency:percentile(50))
   tell("p90_us", latency:percentile(90))
   tell("p99_us", latency:percentile(99))
   tell("max_us", latency.max)
end
