-- One transaction of the yardstick: a single allocation as a client does it that decides by itself, statement by
-- statement.
\set turn :turn + 1
\set product random(0, :products - 1)
BEGIN;
SELECT id AS batch
  FROM batches
 WHERE sku = format('SKU-%s', to_char(:product::integer, 'FM000000')) AND quantity - allocated >= 1
 ORDER BY eta NULLS FIRST, id
 LIMIT 1
   FOR UPDATE
\gset
UPDATE batches SET allocated = allocated + 1 WHERE id = :batch::bigint;
INSERT INTO allocations (order_id, sku, batch, quantity)
VALUES (format('o-%s-%s-%s', :run::text, :client_id::text, to_char(:turn::bigint, 'FM000000000000')),
        format('SKU-%s', to_char(:product::integer, 'FM000000')), :batch::bigint, 1);
INSERT INTO outbox (kind, payload)
VALUES ('Allocated', jsonb_build_object(
    'order_id', format('o-%s-%s-%s', :run::text, :client_id::text, to_char(:turn::bigint, 'FM000000000000')),
    'sku', format('SKU-%s', to_char(:product::integer, 'FM000000')), 'quantity', 1, 'batch', :batch::bigint));
COMMIT;
