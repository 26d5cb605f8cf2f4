-- One transaction of the yardstick: `lines` allocations over `products` SKUs. `run` and the client's own count of
-- turns make the order ids unique.
\set turn :turn + 1
SELECT allocate_lines(
    array_agg(format('%s-%s-%s-%s', :run::text, :client_id::text, :turn::text, line)),
    array_agg(format('SKU-%s', to_char(floor(random() * :products), 'FM000000'))),
    array_agg(1)
) FROM generate_series(1, :lines) AS line;
