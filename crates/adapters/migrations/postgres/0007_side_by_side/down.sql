-- Back to lines that are placed on products as they were read.
DROP FUNCTION place_lines;
ALTER TABLE products DROP COLUMN placed;

CREATE FUNCTION place_lines(
    -- Of each product its SKU, the version that was read, and the one it has from now on; when the next hold on it ended
    -- as it was read, and when from now on; whether nothing is left of it. These three are empty, where no hold is on any of
    -- them and none has run out or come back.
    skus text[], read_versions bigint[], versions bigint[],
    read_expiries timestamptz[], expiries timestamptz[], depleted_now boolean[],
    -- Orders that must have neither header nor line yet, and lines that must not exist and are not among the new.
    absent_orders text[], absent_line_orders text[], absent_line_ids text[],
    orders_ids text[], orders_placed_at timestamptz[], orders_priority integer[], orders_required_by date[],
    orders_hold_until timestamptz[],
    lines_order text[], lines_line text[], lines_sku text[], lines_quantity integer[], lines_state text[],
    lines_split boolean[], lines_placed_at timestamptz[], lines_with_order boolean[],
    -- The units that a line is placed with, and the version of its product that tells of it.
    lines_batch text[], lines_units integer[], lines_told bigint[],
    -- Empty, where no line has any of these. A line's locations are one text, as an array is written.
    lines_claim bigint[], lines_rank bigint[], lines_locations text[], lines_hold_until timestamptz[],
    -- Units in a second batch, and in more.
    further_order text[], further_line text[], further_batch text[], further_quantity integer[],
    further_at timestamptz[], further_claim bigint[],
    events_sku text[], events_version bigint[], events_order text[], events_type text[], events_occurred_at timestamptz[],
    events_actor text[], events_correlation text[], events_data text[],
    -- Held from the numbering of events to the commit.
    events_lock bigint,
    -- The mark that the transaction before this one left in the session, and the one that this one leaves. NULL: it follows
    -- none, or none will follow it.
    behind text, mark text
) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    standing bigint;
    marked text;
    locked boolean;
BEGIN
    -- A mark goes when its transaction is rolled back: the one before was stored if its mark is there.
    IF current_setting('earmark.mark', true) IS DISTINCT FROM coalesce(behind, current_setting('earmark.mark', true)) THEN
        RAISE EXCEPTION 'what this follows was not stored' USING ERRCODE = 'serialization_failure';
    END IF;
    IF mark IS NOT NULL THEN
        marked := set_config('earmark.mark', mark, false);
    END IF;

    -- Row by row in the order of SKUs, so that two transactions never wait for each other: a loop over the list, which
    -- is all the planner is left with here.
    IF cardinality(read_expiries) = 0 THEN
        UPDATE products SET version = new.version
          FROM (SELECT * FROM unnest(skus, read_versions, versions) AS changed (sku, read_version, version)
                 WHERE changed.version <> changed.read_version ORDER BY changed.sku COLLATE "C") AS new
         WHERE products.sku = new.sku AND products.version = new.read_version AND products.next_expiry IS NULL;
    ELSE
        UPDATE products SET version = new.version, next_expiry = new.expiry, depleted = new.depleted
          FROM (SELECT * FROM unnest(skus, read_versions, versions, read_expiries, expiries, depleted_now)
                    AS changed (sku, read_version, version, read_expiry, expiry, depleted)
                 WHERE changed.version <> changed.read_version ORDER BY changed.sku COLLATE "C") AS new
         WHERE products.sku = new.sku AND products.version = new.read_version
           AND products.next_expiry IS NOT DISTINCT FROM new.read_expiry;
    END IF;
    GET DIAGNOSTICS standing = ROW_COUNT;
    IF standing < cardinality(skus) THEN
        -- Those that the decision left as they were.
        standing := standing + (
            SELECT count(*) FROM unnest(skus, read_versions, versions, read_expiries)
                AS read (one, read_version, version, read_expiry)
             CROSS JOIN LATERAL
                (SELECT products.version, products.next_expiry FROM products WHERE products.sku = one LIMIT 1) AS product
             WHERE read.version = read.read_version AND product.version = read.read_version
               AND product.next_expiry IS NOT DISTINCT FROM read.read_expiry);
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
        RAISE EXCEPTION 'an order or a line is not new' USING ERRCODE = 'unique_violation';
    END IF;

    IF cardinality(orders_ids) > 0 THEN
        INSERT INTO orders (order_id, placed_at, priority, required_by, hold_until)
        SELECT new.order_id, new.placed_at, coalesce(new.priority, 0), new.required_by, new.hold_until
          FROM unnest(orders_ids, orders_placed_at, orders_priority, orders_required_by, orders_hold_until)
            AS new (order_id, placed_at, priority, required_by, hold_until)
         ORDER BY new.order_id COLLATE "C";
    END IF;
    IF cardinality(lines_rank) > 0 THEN
        INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, batch, units, told,
                           claim, rank, locations, hold_until)
        SELECT new.order_id, new.line_id, new.sku, new.quantity, new.state, new.split, new.placed_at, new.with_order,
               new.batch, new.units, new.told, new.claim, new.rank, new.locations::text[], new.hold_until
          FROM unnest(lines_order, lines_line, lines_sku, lines_quantity, lines_state, lines_split, lines_placed_at,
                      lines_with_order, lines_batch, lines_units, lines_told, lines_claim, lines_rank, lines_locations,
                      lines_hold_until)
            AS new (order_id, line_id, sku, quantity, state, split, placed_at, with_order, batch, units, told, claim,
                    rank, locations, hold_until)
         ORDER BY new.order_id COLLATE "C", new.line_id COLLATE "C";
    ELSIF cardinality(lines_order) > 0 THEN
        INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, batch, units, told)
        SELECT * FROM unnest(lines_order, lines_line, lines_sku, lines_quantity, lines_state, lines_split,
                             lines_placed_at, lines_with_order, lines_batch, lines_units, lines_told)
            AS new (order_id, line_id)
         ORDER BY new.order_id COLLATE "C", new.line_id COLLATE "C";
    END IF;
    IF cardinality(further_order) > 0 THEN
        INSERT INTO further_allocations (order_id, line_id, batch, quantity, allocated_at, claim)
        SELECT * FROM unnest(further_order, further_line, further_batch, further_quantity, further_at, further_claim);
    END IF;
    IF cardinality(events_type) > 0 THEN
        locked := pg_advisory_xact_lock(events_lock) IS NOT NULL;
        INSERT INTO events (sequence, sku, version, order_id, type, occurred_at, actor, correlation_id, data)
        SELECT nextval('events_sequence'), sku, version, order_id, type, occurred_at, actor, correlation_id, data::json
          FROM (SELECT * FROM unnest(events_sku, events_version, events_order, events_type, events_occurred_at,
                                     events_actor, events_correlation, events_data) WITH ORDINALITY
                AS given (sku, version, order_id, type, occurred_at, actor, correlation_id, data, place)
                ORDER BY place) AS new;
    END IF;
END
$$;
