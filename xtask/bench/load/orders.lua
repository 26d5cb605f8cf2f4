-- Each connection places orders of several lines.

function prepare()
   wanted = {}
   for product = 0, given.products - 1 do
      wanted[product] = string.format('{"sku":"SKU-%06d","quantity":1}', product)
   end
end

function request()
   local chosen, lines = {}, {}
   while #lines < given.lines do
      local product = any_product()
      -- A line is identified by its SKU: an order contains each product once.
      if not chosen[product] then
         chosen[product] = true
         lines[#lines + 1] = wanted[product]
      end
   end
   return post("/v1/orders", '{"order_id":"' .. next_order() .. '","lines":[' .. table.concat(lines, ",") .. "]}")
end
