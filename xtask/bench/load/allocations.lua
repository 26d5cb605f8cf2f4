-- Each connection allocates units of one product.

function prepare()
   -- Everything but the order id is built once: the load generator shares the CPU with the service.
   tails = {}
   for product = 0, given.products - 1 do
      tails[product] = string.format('","sku":"SKU-%06d","quantity":%d}', product, given.quantity)
   end
end

function request()
   return post("/v1/allocations", '{"order_id":"' .. next_order() .. tails[any_product()])
end
