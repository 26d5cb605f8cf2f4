-- A product as the service reads it: itself and its batches.
\set product random(0, :products - 1)
SELECT products.*, batches.*
  FROM products
  LEFT JOIN batches USING (sku)
 WHERE products.sku = format('SKU-%s', to_char(:product::integer, 'FM000000'));
