-- One transaction of the yardstick: a single allocation, decided and stored by a function in the server.
\set turn :turn + 1
\set product random(0, :products - 1)
SELECT allocate_line(
    format('o-%s-%s-%s', :run::text, :client_id::text, to_char(:turn::bigint, 'FM000000000000')),
    format('SKU-%s', to_char(:product::integer, 'FM000000')),
    1
);
