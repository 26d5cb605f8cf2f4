-- The load: each connection asks for some units of a product, waits for the answer, and asks again.

function prepare()
   -- All but the order id is made once: the machine is shared with what is measured.
   tails = {}
   for product = 0, given.products - 1 do
      tails[product] = string.format('","sku":"SKU-%06d","quantity":%d}', product, given.quantity)
   end
end

function request()
   return post("/v1/allocations", '{"order_id":"' .. next_order() .. tails[any_product()])
end
