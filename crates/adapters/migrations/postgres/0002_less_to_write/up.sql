-- Less to write for each line that is placed: the same promises, kept once a statement instead of once a row.

-- It served audits alone, and cost each new line a page somewhere among all products. An audit finds a product's lines
-- through its events.
DROP INDEX lines_sku;

-- A foreign key asks, and locks, once for each row. What those of the allocations say is said below, for all rows of a
-- statement. That a line is of a product that exists follows for whoever stores it: the product's version rises with it.
-- An audit finds a line of which no event of a product tells.
ALTER TABLE lines DROP CONSTRAINT lines_sku_fkey;
ALTER TABLE allocations DROP CONSTRAINT allocations_batch_fkey;
ALTER TABLE allocations DROP CONSTRAINT allocations_order_id_line_id_fkey;

-- The other side of a foreign key: what others refer to stays.
CREATE TRIGGER products_stay BEFORE DELETE OR TRUNCATE ON products
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change('products stay');
CREATE TRIGGER batches_stay BEFORE DELETE OR TRUNCATE ON batches
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change('batches stay');
CREATE TRIGGER lines_stay BEFORE DELETE OR TRUNCATE ON lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change('lines stay');
CREATE TRIGGER products_keep_their_sku BEFORE UPDATE OF sku ON products
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change('a SKU stays');
CREATE TRIGGER batches_keep_their_reference BEFORE UPDATE OF reference, sku ON batches
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change('a reference stays, and its SKU');
CREATE TRIGGER lines_keep_their_key BEFORE UPDATE OF order_id, line_id, sku ON lines
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change('a key stays, and its SKU');

-- The batches are found by a list of keys, the lines by a LATERAL whose LIMIT keeps it a look-up: a plan made while a table
-- was small must remain one when it is large.
CREATE OR REPLACE FUNCTION allocations_are_earmarked() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_indexscan = off AS $$
DECLARE
    found bigint;
BEGIN
    UPDATE batches
       SET allocated = batches.allocated + sums.units
      FROM (SELECT batch, sum(quantity)::bigint AS units FROM earmarked GROUP BY batch) AS sums
     WHERE batches.reference = sums.batch
       AND batches.reference = ANY (ARRAY(SELECT batch FROM earmarked));
    GET DIAGNOSTICS found = ROW_COUNT;
    IF found <> (SELECT count(DISTINCT batch) FROM earmarked) THEN
        RAISE EXCEPTION 'allocations refuses INSERT: there is no such batch' USING ERRCODE = 'foreign_key_violation';
    END IF;
    IF (SELECT count(*) FROM earmarked CROSS JOIN LATERAL
            (SELECT FROM lines WHERE lines.order_id = earmarked.order_id AND lines.line_id = earmarked.line_id LIMIT 1)
            AS line)
       <> (SELECT count(*) FROM earmarked) THEN
        RAISE EXCEPTION 'allocations refuses INSERT: there is no such line' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END
$$;

-- A trigger for each row would have to look at each; whether the statement names the column is known once.
DROP TRIGGER batches_allocated_follows ON batches;
CREATE TRIGGER batches_allocated_follows BEFORE UPDATE OF allocated ON batches
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION refuse_to_change('allocated follows from the allocations');

-- Stores new lines in one round trip, which is a transaction of its own: nothing in it decides. What has been decided
-- was decided on products of the versions read, and on the absence of orders and lines; where either no longer holds,
-- nothing is stored.
CREATE FUNCTION place_lines(
    -- Of each product its SKU, the version that was read, and the one it has from now on.
    skus text[], read_versions bigint[], versions bigint[],
    -- Orders that must have neither header nor line yet, and lines that must not exist and are not among the new.
    absent_orders text[], absent_line_orders text[], absent_line_ids text[],
    orders_ids text[], orders_placed_at timestamptz[],
    lines_order text[], lines_line text[], lines_sku text[], lines_quantity integer[], lines_state text[],
    lines_split boolean[], lines_placed_at timestamptz[], lines_with_order boolean[],
    earmarked_order text[], earmarked_line text[], earmarked_batch text[], earmarked_quantity integer[],
    earmarked_at timestamptz[],
    events_sku text[], events_version bigint[], events_order text[], events_type text[], events_occurred_at timestamptz[],
    events_actor text[], events_correlation text[], events_data text[],
    -- Held from the numbering of events to the commit.
    events_lock bigint
) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    standing bigint;
BEGIN
    -- Row by row in the order of SKUs, so that two transactions never wait for each other: a loop over the list, which
    -- is all the planner is left with here.
    UPDATE products SET version = new.version
      FROM (SELECT * FROM unnest(skus, read_versions, versions) AS changed (sku, read_version, version)
             WHERE changed.version <> changed.read_version ORDER BY changed.sku COLLATE "C") AS new
     WHERE products.sku = new.sku AND products.version = new.read_version;
    GET DIAGNOSTICS standing = ROW_COUNT;
    IF standing < cardinality(skus) THEN
        -- Those that the decision left as they were.
        standing := standing + (
            SELECT count(*) FROM unnest(skus, read_versions, versions) AS read (one, read_version, version)
             CROSS JOIN LATERAL (SELECT products.version FROM products WHERE products.sku = one LIMIT 1) AS product
             WHERE read.version = read.read_version AND product.version = read.read_version);
        IF standing < cardinality(skus) THEN
            RAISE EXCEPTION 'a product has changed' USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;

    IF cardinality(absent_orders) > 0 AND (
        EXISTS (SELECT FROM unnest(absent_orders) AS named (one) CROSS JOIN LATERAL
                    (SELECT FROM orders WHERE order_id = one LIMIT 1) AS header)
        OR EXISTS (SELECT FROM unnest(absent_orders) AS named (one) CROSS JOIN LATERAL
                    (SELECT FROM lines WHERE order_id = one LIMIT 1) AS line))
       OR cardinality(absent_line_orders) > 0 AND
        EXISTS (SELECT FROM unnest(absent_line_orders, absent_line_ids) AS named (one_order, one_line) CROSS JOIN LATERAL
                    (SELECT FROM lines WHERE order_id = one_order AND line_id = one_line LIMIT 1) AS line) THEN
        RAISE EXCEPTION 'an order or a line is not new' USING ERRCODE = 'serialization_failure';
    END IF;

    IF cardinality(orders_ids) > 0 THEN
        INSERT INTO orders (order_id, placed_at)
        SELECT * FROM unnest(orders_ids, orders_placed_at) AS new (order_id) ORDER BY new.order_id COLLATE "C";
    END IF;
    IF cardinality(lines_order) > 0 THEN
        INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order)
        SELECT * FROM unnest(lines_order, lines_line, lines_sku, lines_quantity, lines_state, lines_split,
                             lines_placed_at, lines_with_order) AS new (order_id, line_id)
         ORDER BY new.order_id COLLATE "C", new.line_id COLLATE "C";
    END IF;
    IF cardinality(earmarked_order) > 0 THEN
        INSERT INTO allocations (order_id, line_id, batch, quantity, allocated_at)
        SELECT * FROM unnest(earmarked_order, earmarked_line, earmarked_batch, earmarked_quantity, earmarked_at);
    END IF;
    IF cardinality(events_type) > 0 THEN
        PERFORM pg_advisory_xact_lock(events_lock);
        INSERT INTO events (sequence, sku, version, order_id, type, occurred_at, actor, correlation_id, data)
        SELECT nextval('events_sequence'), sku, version, order_id, type, occurred_at, actor, correlation_id, data::json
          FROM (SELECT * FROM unnest(events_sku, events_version, events_order, events_type, events_occurred_at,
                                     events_actor, events_correlation, events_data) WITH ORDINALITY
                AS given (sku, version, order_id, type, occurred_at, actor, correlation_id, data, place)
                ORDER BY place) AS new;
    END IF;
END
$$;
