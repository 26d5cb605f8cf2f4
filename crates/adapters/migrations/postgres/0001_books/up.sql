-- The books: products, their batches, orders and their lines, the units that lines hold in batches, and what happened.
--
-- Names compare by their bytes (COLLATE "C"): the order of a page is the order of the names everywhere in the service.

-- Product and batch rows are rewritten with every command. Room in each page, and no index on a column that commands
-- change, lets a new row version stay in the page of the old one without touching an index.
CREATE TABLE products (
    sku text COLLATE "C" NOT NULL PRIMARY KEY,
    name text,
    version bigint NOT NULL CHECK (version >= 0),
    batches_created integer NOT NULL CHECK (batches_created >= 0),
    resume_placed_at timestamptz,
    resume_order_id text COLLATE "C",
    resume_line_id text COLLATE "C",
    CONSTRAINT products_resume_is_whole CHECK (num_nulls(resume_placed_at, resume_order_id, resume_line_id) IN (0, 3))
) WITH (fillfactor = 60);

-- The backlogs that are owed another page.
CREATE INDEX products_unserved ON products (sku) WHERE resume_placed_at IS NOT NULL;

CREATE TABLE batches (
    reference text COLLATE "C" NOT NULL PRIMARY KEY,
    sku text COLLATE "C" NOT NULL REFERENCES products (sku),
    location text NOT NULL,
    ordinal integer NOT NULL CHECK (ordinal >= 1),
    created_quantity integer NOT NULL CHECK (created_quantity BETWEEN 1 AND 1000000000),
    quantity integer NOT NULL CHECK (quantity BETWEEN 0 AND 1000000000),
    allocated bigint NOT NULL DEFAULT 0 CHECK (allocated >= 0),
    dispatched bigint NOT NULL DEFAULT 0 CHECK (dispatched >= 0),
    eta date,
    -- Whether something is available. A column of its own, because an index whose predicate names `allocated` would
    -- have to be touched by every allocation; this one is touched when a batch runs out or comes back.
    open boolean NOT NULL GENERATED ALWAYS AS (allocated + dispatched < quantity) STORED,
    CONSTRAINT batches_sku_ordinal UNIQUE (sku, ordinal),
    CONSTRAINT batches_hold_what_is_committed CHECK (allocated + dispatched <= quantity)
) WITH (fillfactor = 60);

-- The batches a decision looks at, in the order it tries them, however many a product has used up.
CREATE INDEX batches_open ON batches (sku, eta NULLS FIRST, ordinal) WHERE open;

CREATE TABLE orders (
    order_id text COLLATE "C" NOT NULL PRIMARY KEY,
    placed_at timestamptz NOT NULL
);

-- No foreign key to orders: lines that were allocated one by one have no header.
CREATE TABLE lines (
    order_id text COLLATE "C" NOT NULL,
    line_id text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL REFERENCES products (sku),
    quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
    state text NOT NULL CHECK (state IN ('allocated', 'backordered', 'refused', 'cancelled')),
    split boolean NOT NULL,
    placed_at timestamptz NOT NULL,
    placed_with_order boolean NOT NULL,
    PRIMARY KEY (order_id, line_id)
);

-- The backlog in order of service.
CREATE INDEX lines_backlog ON lines (sku, placed_at, order_id, line_id) WHERE state = 'backordered';
-- All lines of a product, for those who audit it. Equal keys share their storage, so an entry costs a few bytes.
CREATE INDEX lines_sku ON lines (sku);

CREATE TABLE allocations (
    order_id text COLLATE "C" NOT NULL,
    line_id text COLLATE "C" NOT NULL,
    batch text COLLATE "C" NOT NULL REFERENCES batches (reference),
    quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
    allocated_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, line_id, batch),
    FOREIGN KEY (order_id, line_id) REFERENCES lines (order_id, line_id)
);

-- Who leaves a batch first when it shrinks: the latest allocated.
CREATE INDEX allocations_release ON allocations (batch, allocated_at);

-- `data` is json, not jsonb: it is checked to be JSON once and then kept and handed out byte for byte; nobody searches
-- inside it here, so taking it apart would be paid for nothing.
CREATE TABLE events (
    sequence bigint NOT NULL PRIMARY KEY,
    sku text COLLATE "C",
    version bigint,
    order_id text COLLATE "C",
    type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    actor text NOT NULL,
    correlation_id text NOT NULL,
    data json NOT NULL,
    CONSTRAINT events_sku_version UNIQUE (sku, version),
    CONSTRAINT events_product_is_whole CHECK (num_nulls(sku, version) IN (0, 2))
);

CREATE INDEX events_order ON events (order_id, sequence) WHERE order_id IS NOT NULL;

-- Numbers are drawn under a lock that is held until the commit, so they follow the order of commits.
CREATE SEQUENCE events_sequence AS bigint;

-- What a batch has allocated is the sum of its allocations: the tables see to it, whoever writes. The batches are found
-- by a list of keys, and the planner may not walk through a whole index or table instead: it would while they are small,
-- and a connection keeps its plans when they no longer are.
CREATE FUNCTION allocations_are_earmarked() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_indexscan = off AS $$
BEGIN
    UPDATE batches
       SET allocated = batches.allocated + sums.units
      FROM (SELECT batch, sum(quantity)::bigint AS units FROM earmarked GROUP BY batch) AS sums
     WHERE batches.reference = sums.batch
       AND batches.reference = ANY (ARRAY(SELECT batch FROM earmarked));
    RETURN NULL;
END
$$;

CREATE FUNCTION allocations_are_released() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_indexscan = off AS $$
BEGIN
    UPDATE batches
       SET allocated = batches.allocated - sums.units
      FROM (SELECT batch, sum(quantity)::bigint AS units FROM released GROUP BY batch) AS sums
     WHERE batches.reference = sums.batch
       AND batches.reference = ANY (ARRAY(SELECT batch FROM released));
    RETURN NULL;
END
$$;

CREATE TRIGGER allocations_earmark AFTER INSERT ON allocations
    REFERENCING NEW TABLE AS earmarked
    FOR EACH STATEMENT EXECUTE FUNCTION allocations_are_earmarked();

CREATE TRIGGER allocations_release AFTER DELETE ON allocations
    REFERENCING OLD TABLE AS released
    FOR EACH STATEMENT EXECUTE FUNCTION allocations_are_released();

-- Refusals bear the code of a violated check: to a reader of the error they are one.
CREATE FUNCTION refuse_to_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refuses %: %', TG_TABLE_NAME, TG_OP, TG_ARGV[0] USING ERRCODE = 'check_violation';
END
$$;

CREATE TRIGGER allocations_are_never_altered BEFORE UPDATE OR TRUNCATE ON allocations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change('an allocation is deleted and made anew');

CREATE TRIGGER events_are_facts BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change('events are facts');

-- Inside the triggers above the depth is not 0. The conditions are evaluated without a call, row by row.
CREATE TRIGGER batches_begin_unallocated BEFORE INSERT ON batches
    FOR EACH ROW WHEN (NEW.allocated <> 0)
    EXECUTE FUNCTION refuse_to_change('allocated follows from the allocations');

CREATE TRIGGER batches_allocated_follows BEFORE UPDATE ON batches
    FOR EACH ROW WHEN (NEW.allocated <> OLD.allocated AND pg_trigger_depth() = 0)
    EXECUTE FUNCTION refuse_to_change('allocated follows from the allocations');
