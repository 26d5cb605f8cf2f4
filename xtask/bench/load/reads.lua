-- The load: each connection reads an order or a product, waits for the answer, and reads another.

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
   -- The orders that the allocations of a single thread have left; the first is never sent, the generator only looks
   -- at it.
   return string.format("GET /v1/orders/o-%s-0-%012d HTTP/1.1\r\nHost: localhost\r\n\r\n", given.of,
      math.random(2, given.orders))
end
