-- The least that must be written for an allocation to be safe: stock that can't fall below zero, who has what, and an
-- event for others to read. `products` is the number of SKUs, given by psql.

CREATE TABLE products (
    sku text NOT NULL PRIMARY KEY,
    version bigint NOT NULL DEFAULT 0
);

CREATE TABLE batches (
    id bigint NOT NULL PRIMARY KEY,
    sku text NOT NULL REFERENCES products (sku),
    reference text NOT NULL UNIQUE,
    quantity bigint NOT NULL CHECK (quantity >= 0),
    allocated bigint NOT NULL DEFAULT 0,
    eta date,
    CHECK (allocated >= 0 AND allocated <= quantity)
) WITH (fillfactor = 50);

CREATE INDEX batches_of_product ON batches (sku);

CREATE TABLE allocations (
    order_id text NOT NULL,
    sku text NOT NULL,
    batch bigint NOT NULL REFERENCES batches (id),
    quantity integer NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, sku)
);

CREATE TABLE outbox (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    payload jsonb NOT NULL
);

INSERT INTO products (sku)
SELECT format('SKU-%s', to_char(number, 'FM000000'))
  FROM generate_series(0, :products - 1) AS number;

-- As the service finds them: one batch in the warehouse and one on its way for each product, with plenty in both.
INSERT INTO batches (id, sku, reference, quantity, eta)
SELECT row_number() OVER (ORDER BY sku, place), sku, format('B-%s-%s', sku, place), 1000000000,
       CASE place WHEN 2 THEN DATE '2099-12-31' END
  FROM products CROSS JOIN generate_series(1, 2) AS place;

-- Allocates one line: finds stock, takes it, records who has it and writes the event.
CREATE FUNCTION allocate_line(wanted_by text, product text, wanted integer) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    chosen bigint;
BEGIN
    SELECT id INTO chosen
      FROM batches
     WHERE sku = product AND quantity - allocated >= wanted
     ORDER BY eta NULLS FIRST, id
     LIMIT 1
       FOR NO KEY UPDATE;
    IF chosen IS NULL THEN
        RETURN NULL;
    END IF;
    UPDATE batches SET allocated = allocated + wanted WHERE id = chosen;
    INSERT INTO allocations (order_id, sku, batch, quantity) VALUES (wanted_by, product, chosen, wanted);
    INSERT INTO outbox (kind, payload)
    VALUES ('Allocated',
            jsonb_build_object('order_id', wanted_by, 'sku', product, 'quantity', wanted, 'batch', chosen));
    RETURN chosen;
END
$$;

-- Allocates many lines in one statement. Stock is locked in one order, so two callers never wait for each other; the
-- first open batch of each product gives to as many lines as it has units for. Answers how many lines got theirs.
CREATE FUNCTION allocate_lines(order_ids text[], skus text[], quantities integer[]) RETURNS bigint
LANGUAGE sql AS $$
    WITH stock AS MATERIALIZED (
        SELECT id, sku, eta, quantity - allocated AS available
          FROM batches
         WHERE sku = ANY (skus)
         ORDER BY id
           FOR NO KEY UPDATE
    ), first_batch AS (
        SELECT DISTINCT ON (sku) sku, id, available
          FROM stock
         WHERE available > 0
         ORDER BY sku, eta NULLS FIRST, id
    ), line AS (
        SELECT order_id, sku, wanted,
               sum(wanted) OVER (PARTITION BY sku ORDER BY place) AS wanted_so_far
          FROM unnest(order_ids, skus, quantities) WITH ORDINALITY AS given (order_id, sku, wanted, place)
    ), earmarked AS (
        INSERT INTO allocations (order_id, sku, batch, quantity)
        SELECT line.order_id, line.sku, first_batch.id, line.wanted
          FROM line JOIN first_batch USING (sku)
         WHERE line.wanted_so_far <= first_batch.available
        RETURNING order_id, sku, batch, quantity
    ), taken AS (
        UPDATE batches SET allocated = batches.allocated + sums.units
          FROM (SELECT batch, sum(quantity) AS units FROM earmarked GROUP BY batch) AS sums
         WHERE batches.id = sums.batch
    ), recorded AS (
        INSERT INTO outbox (kind, payload)
        SELECT 'Allocated',
               jsonb_build_object('order_id', order_id, 'sku', sku, 'quantity', quantity, 'batch', batch)
          FROM earmarked
    )
    SELECT count(*) FROM earmarked
$$;

ANALYZE;
