-- Two who place lines of one product side by side need not read what the other has stored: where each line goes whole into
-- the first batch that can take it, what others earmarked meanwhile changes nothing about that, as long as there is room.

-- Of a product's versions, how many did no more than that. Whoever raises the version and knows nothing of this column
-- changes the difference of the two, by which those who read the product before see that something else has happened.
ALTER TABLE products
    ADD COLUMN placed bigint NOT NULL DEFAULT 0,
    ADD CONSTRAINT products_placed_among_its_versions CHECK (placed BETWEEN 0 AND version);

-- As before, and: a product may have placed lines since it was read, if what was decided needs no more of it than room.
--
-- Rows are made of the lists by subscript: within the function a list is taken apart once, and `unnest` would put each
-- column into a store of its own first. A list that is empty is given as NULL, which costs nothing, and has NULL everywhere.
DROP FUNCTION place_lines;
CREATE FUNCTION place_lines(
    -- Of each product its SKU, the version that was read, and the one it has from now on; its version less what `placed`
    -- counted, as it was read, if others may have placed lines since, else NULL; when the next hold on it ended as it was
    -- read, and when from now on; whether nothing is left of it. The last three are NULL, where no hold is on any of them
    -- and none has run out or come back.
    skus text[], read_versions bigint[], versions bigint[], forms bigint[],
    read_expiries timestamptz[], expiries timestamptz[], depleted_now boolean[],
    -- What has to be available in batches, where others have placed lines since.
    room_batch text[], room_needed bigint[],
    -- Orders that must have neither header nor line yet, and lines that must not exist and are not among the new.
    absent_orders text[], absent_line_orders text[], absent_line_ids text[],
    -- Orders and lines in the order of their keys: two who bring the same never wait for each other. Lists are read from
    -- the front to the back here, and so are events. What no order has is NULL.
    orders_ids text[], orders_placed_at timestamptz[], orders_priority integer[], orders_required_by date[],
    orders_hold_until timestamptz[],
    lines_order text[], lines_line text[], lines_sku text[], lines_quantity integer[], lines_state text[],
    lines_split boolean[], lines_placed_at timestamptz[], lines_with_order boolean[],
    -- The units that a line is placed with, and the version of its product that tells of it.
    lines_batch text[], lines_units integer[], lines_told bigint[],
    -- NULL, where no line has any of these. A line's locations are one text, as an array is written.
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
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
-- The plans are the same whatever the lists hold. Where these are short it would seem to pay to plan anew each time.
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    standing bigint;
    marked text;
    locked boolean;
    -- The products in which others have placed lines since they were read, and how many; NULL where there is none.
    overtaken text[];
    shifts bigint[];
    -- Whether there is too little room.
    cramped boolean;
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
    -- Where a product is found overtaken the setting tells, until the transaction ends: it is looked at more closely then,
    -- and only then.
    UPDATE products
       SET version = products.version + new.risen,
           placed = products.placed + CASE WHEN new.form IS NULL THEN 0 ELSE new.risen END,
           next_expiry = new.expiry, depleted = coalesce(new.depleted, products.depleted)
      FROM (SELECT skus[at] AS sku, read_versions[at] AS read_version, versions[at] - read_versions[at] AS risen,
                   forms[at] AS form, read_expiries[at] AS read_expiry, expiries[at] AS expiry,
                   depleted_now[at] AS depleted
              FROM generate_series(1, cardinality(skus)) AS at
             WHERE versions[at] <> read_versions[at] ORDER BY skus[at] COLLATE "C") AS new
     WHERE products.sku = new.sku AND products.next_expiry IS NOT DISTINCT FROM new.read_expiry
       AND (products.version = new.read_version
            OR products.version > new.read_version AND products.version - products.placed = new.form
               AND set_config('earmark.overtaken', 'true', true) = 'true');
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

    IF current_setting('earmark.overtaken', true) = 'true' THEN
        -- What this brings comes after what the others have brought. Whoever changes a batch holds its product, so the room
        -- is there until the commit.
        SELECT array_agg(raised.sku), array_agg(product.version - raised.version),
               EXISTS (SELECT FROM unnest(room_batch, room_needed) AS room (one, needed) CROSS JOIN LATERAL
                   (SELECT quantity - allocated - dispatched AS available FROM batches WHERE reference = one LIMIT 1) AS batch
                    WHERE batch.available < room.needed)
          INTO overtaken, shifts, cramped
          FROM unnest(skus, versions) AS raised (sku, version) CROSS JOIN LATERAL
            (SELECT products.version FROM products WHERE products.sku = raised.sku LIMIT 1) AS product
         WHERE product.version > raised.version;
        IF cramped THEN
            RAISE EXCEPTION 'a batch has too little left' USING ERRCODE = 'serialization_failure';
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
        SELECT orders_ids[at], orders_placed_at[at], coalesce(orders_priority[at], 0), orders_required_by[at],
               orders_hold_until[at]
          FROM generate_series(1, cardinality(orders_ids)) AS at;
    END IF;
    IF cardinality(lines_order) > 0 THEN
        INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, batch, units, told,
                           claim, rank, locations, hold_until)
        SELECT lines_order[at], lines_line[at], lines_sku[at], lines_quantity[at], lines_state[at], lines_split[at],
               lines_placed_at[at], lines_with_order[at], lines_batch[at], lines_units[at],
               lines_told[at] + coalesce(shifts[array_position(overtaken, lines_sku[at])], 0),
               coalesce(lines_claim[at], 0), coalesce(lines_rank[at], 0), lines_locations[at]::text[], lines_hold_until[at]
          FROM generate_series(1, cardinality(lines_order)) AS at;
    END IF;
    IF cardinality(further_order) > 0 THEN
        INSERT INTO further_allocations (order_id, line_id, batch, quantity, allocated_at, claim)
        SELECT further_order[at], further_line[at], further_batch[at], further_quantity[at], further_at[at], further_claim[at]
          FROM generate_series(1, cardinality(further_order)) AS at;
    END IF;
    IF cardinality(events_type) > 0 THEN
        locked := pg_advisory_xact_lock(events_lock) IS NOT NULL;
        INSERT INTO events (sequence, sku, version, order_id, type, occurred_at, actor, correlation_id, data)
        SELECT nextval('events_sequence'), events_sku[at],
               events_version[at] + coalesce(shifts[array_position(overtaken, events_sku[at])], 0), events_order[at],
               events_type[at], events_occurred_at[at], events_actor[at], events_correlation[at], events_data[at]::json
          FROM generate_series(1, cardinality(events_type)) AS at;
    END IF;
END
$$;
