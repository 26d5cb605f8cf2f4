-- One transaction of the yardstick: `lines` allocations over `products` SKUs in one statement.
--
-- Order ids are unique: by the run, the client and the client's own count of turns, rising as a shop counts its orders;
-- or, where `random` is 1, by chance alone.
\set turn :turn + 1
SELECT allocate_lines(
    array_agg(
        CASE :random::integer
            WHEN 1 THEN gen_random_uuid()::text
            ELSE format('o-%s-%s-%s', :run::text, :client_id::text,
                        to_char(:turn::bigint * :lines::integer + line, 'FM000000000000'))
        END
    ),
    array_agg(format('SKU-%s', to_char(floor(random() * :products::integer), 'FM000000'))),
    array_agg(1)
) FROM generate_series(1, :lines::integer) AS line;
