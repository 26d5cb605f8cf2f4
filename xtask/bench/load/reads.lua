-- Each connection reads orders or products.

function prepare()
   requests = {}
   for product = 0, given.products - 1 do
      requests[product] = string.format("GET /v1/products/SKU-%06d HTTP/1.1\r\nHost: localhost\r\n\r\n", product)
   end
end

function request()
   if given.what == "products" then
      return requests[any_product()]
   end
   -- The orders of an allocation load with a single thread. `wrk` calls `request` once at its start and does not send the
   -- result, so the first order does not exist.
   return string.format("GET /v1/orders/o-%s-0-%012d HTTP/1.1\r\nHost: localhost\r\n\r\n", given.of,
      math.random(2, given.orders))
end
