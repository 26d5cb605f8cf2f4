-- An order as the service reads it: its lines, the units they hold, and when these arrive.
\set order random(2, :orders)
SELECT lines.*, allocations.batch, allocations.quantity AS held, batches.eta
  FROM lines
  LEFT JOIN allocations USING (order_id, line_id)
  LEFT JOIN batches ON batches.reference = allocations.batch
 WHERE lines.order_id = format('o-1-0-%s', to_char(:order::bigint, 'FM000000000000'));
