-- The schema: products, their batches, orders and their lines, the units that lines hold in batches, what has been
-- dispatched, the events, the keys by which repeated calls and messages are recognised, and those by which callers are.
--
-- Names compare by their bytes (COLLATE "C"): the order of a page is the order of names everywhere in the service.

-- Rules of rows -------------------------------------------------------------------------------------------------------

-- What the row of a line and of a batch must be; one CHECK of each table calls it. A statement that writes a table
-- parses and prepares the table's CHECKs anew: spelled out there, these rules took longer than the rest of an INSERT of
-- a line. A function in PL/pgSQL stays prepared in the connection; one in SQL would be put in its place and prepared as
-- well. As in a CHECK, a rule that is NULL is not violated.

CREATE FUNCTION line_is_sound(
    quantity integer, state text, hold_until timestamptz, promised_on date, first_promised_on date, due_by date,
    batch text, units integer, dispatched integer
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN quantity BETWEEN 1 AND 1000000000
        AND state IN ('held', 'allocated', 'backordered', 'refused', 'cancelled', 'expired', 'dispatched')
        -- A held line has a deadline.
        AND CASE WHEN hold_until IS NULL THEN state <> 'held' ELSE state IN ('held', 'backordered') END
        -- A line with units is promised, and what is due is promised in time.
        AND CASE state WHEN 'dispatched' THEN true
            ELSE (promised_on IS NOT NULL) = (state IN ('held', 'allocated')) END
        AND (first_promised_on <> promised_on OR first_promised_on IS NULL OR promised_on IS NULL)
        AND (due_by IS NULL OR coalesce(promised_on <= due_by, false))
        -- Its units lie in a batch.
        AND CASE WHEN batch IS NULL THEN units IS NULL ELSE coalesce(units, 0) BETWEEN 1 AND quantity END
        AND CASE state WHEN 'dispatched' THEN dispatched IN (0, quantity)
            ELSE dispatched BETWEEN 0 AND 1000000000 - quantity END;
END
$$;

CREATE FUNCTION batch_is_sound(
    ordinal integer, created_quantity integer, quantity integer, allocated bigint, dispatched bigint, eta date,
    overdue boolean, received_eta date, received_expected integer, received_counted integer
) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN ordinal >= 1
        AND created_quantity BETWEEN 1 AND 1000000000
        AND quantity BETWEEN 0 AND 1000000000
        -- It holds what is committed.
        AND allocated >= 0 AND dispatched >= 0 AND allocated + dispatched <= quantity
        AND (NOT overdue OR eta IS NOT NULL)
        -- A receipt is stored wholly, and what has been received has no ETA.
        AND num_nulls(received_eta, received_expected, received_counted) IN (0, 3)
        AND (received_eta IS NULL OR eta IS NULL)
        AND (received_expected IS NULL OR received_expected BETWEEN 0 AND 1000000000)
        AND (received_counted IS NULL OR received_counted BETWEEN 0 AND 1000000000);
END
$$;

-- Tables --------------------------------------------------------------------------------------------------------------

-- Every command rewrites the rows of its products and batches. The fill factor leaves room in each page, and no index
-- covers a column that commands change often, so a new row version stays in the page of the old one and touches no
-- index (a heap-only tuple).
CREATE TABLE products (
    sku text COLLATE "C" NOT NULL PRIMARY KEY,
    name text,
    version bigint NOT NULL CHECK (version >= 0),
    batches_created integer NOT NULL CHECK (batches_created >= 0),
    safety_stock integer NOT NULL DEFAULT 0 CHECK (safety_stock BETWEEN 0 AND 1000000000),
    depleted boolean NOT NULL DEFAULT false,
    next_expiry timestamptz,
    -- Whether one of its lines may be at risk.
    at_risk boolean NOT NULL DEFAULT false,
    -- What is left to do of earlier commands, as JSON. It may come and go without a new version.
    pending text,
    -- The versions before and after the last holds ended on it.
    expired_from bigint,
    expired_to bigint,
    -- How many of the product's versions only placed lines under escrow. `version - escrow_commits` is the base
    -- version: as long as it stands, other transactions have done nothing but place lines in the product.
    escrow_commits bigint NOT NULL DEFAULT 0,
    CONSTRAINT products_escrow_commits_are_versions CHECK (escrow_commits BETWEEN 0 AND version)
) WITH (fillfactor = 60);

-- The products with work that is to be continued.
CREATE INDEX products_pending ON products (sku) WHERE pending IS NOT NULL;
-- The products with holds, in the order in which the next one ends. A change of a product touches this index only when
-- that instant changes.
CREATE INDEX products_next_expiry ON products (next_expiry) WHERE next_expiry IS NOT NULL;
-- The same products as they are listed. Both touch the same column, so each change that touches the one touches the other.
CREATE INDEX products_held ON products (sku, next_expiry) WHERE next_expiry IS NOT NULL;

-- A search looks for a part of a SKU or of a name, whatever the letter case. The index finds it by its trigrams. Letters
-- are folded by a collation that knows them, on both sides alike. The extension comes with PostgreSQL, and who may create
-- tables in a database of their own may create it; where it can't be, searches walk through the products.
DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX products_search ON products USING gin
        (lower(sku COLLATE "und-x-icu") gin_trgm_ops, lower(name COLLATE "und-x-icu") gin_trgm_ops);
EXCEPTION WHEN insufficient_privilege OR undefined_file OR undefined_object OR feature_not_supported THEN
    RAISE WARNING 'searches have no index: %', SQLERRM;
END $$;

CREATE TABLE batches (
    reference text COLLATE "C" NOT NULL PRIMARY KEY,
    sku text COLLATE "C" NOT NULL REFERENCES products (sku),
    location text NOT NULL,
    ordinal integer NOT NULL,
    -- What the batch was created with: a repeated creation is compared with it.
    created_quantity integer NOT NULL,
    quantity integer NOT NULL,
    -- The sums of the batch's allocations and dispatches. Triggers keep them.
    allocated bigint NOT NULL DEFAULT 0,
    dispatched bigint NOT NULL DEFAULT 0,
    eta date,
    -- Whether it was told that the ETA has passed.
    overdue boolean NOT NULL DEFAULT false,
    -- Whether anything is available. An index predicate on `allocated` itself would make every allocation touch the
    -- index; this column changes only when a batch runs out or gets units back.
    open boolean NOT NULL GENERATED ALWAYS AS (allocated + dispatched < quantity) STORED,
    created_eta date,
    closed boolean NOT NULL DEFAULT false,
    -- How it arrived: the ETA and the quantity that it had before, and the units that were counted then. A receipt that
    -- is undone gives them back; one that is repeated is compared with them.
    received_eta date,
    received_expected integer,
    received_counted integer,
    CONSTRAINT batches_sku_ordinal UNIQUE (sku, ordinal),
    CONSTRAINT batches_are_sound CHECK (
        batch_is_sound(
            ordinal, created_quantity, quantity, allocated, dispatched, eta, overdue, received_eta, received_expected,
            received_counted
        )
    )
) WITH (fillfactor = 60);

-- The batches with something available, in preference order, however many a product has used up.
CREATE INDEX batches_open ON batches (sku, eta NULLS FIRST, ordinal) WHERE open;
-- The batches of a product, as they are listed.
CREATE INDEX batches_listed ON batches (sku, reference);
-- The batches of a product that have not arrived.
CREATE INDEX batches_coming ON batches (sku, eta) WHERE eta IS NOT NULL AND NOT closed;
-- The batches of all products that are to arrive next: once the ETA has passed, that is to be told.
CREATE INDEX batches_due ON batches (eta, sku) WHERE eta IS NOT NULL AND NOT overdue AND NOT closed;
-- The batches of which it was told that they are overdue.
CREATE INDEX batches_overdue ON batches (sku) WHERE overdue AND NOT closed;
-- The batches of all products that have not arrived, as those are listed whose ETA has passed, whether it was told or not.
CREATE INDEX batches_expected ON batches (eta, sku, reference) WHERE eta IS NOT NULL AND NOT closed;
-- Those that were put off.
CREATE INDEX batches_put_off ON batches (eta, sku, reference) WHERE eta > created_eta AND NOT closed;
-- Whether there ever was a batch at a location.
CREATE INDEX batches_by_location ON batches (location);

CREATE TABLE orders (
    order_id text COLLATE "C" NOT NULL PRIMARY KEY,
    placed_at timestamptz NOT NULL,
    priority integer NOT NULL DEFAULT 0 CHECK (priority BETWEEN -1000000 AND 1000000),
    required_by date,
    hold_until timestamptz,
    -- What was first asked for: by it the same request is known when it comes again. NULL: each line has it.
    asked text,
    -- Its versions before and after its hold ended.
    expired_from bigint,
    expired_to bigint
);

-- There is no foreign key to orders, because lines that are allocated one by one have no order header; and none to
-- products, because a foreign key checks and locks row by row. A line's product exists because the transaction that
-- stores the line raises the product's version.
CREATE TABLE lines (
    order_id text COLLATE "C" NOT NULL,
    line_id text COLLATE "C" NOT NULL,
    sku text COLLATE "C" NOT NULL,
    quantity integer NOT NULL,
    state text NOT NULL,
    split boolean NOT NULL,
    placed_at timestamptz NOT NULL,
    placed_with_order boolean NOT NULL,
    -- Precedence as one number: the lower is served first, before the order of placing. 0 for most lines.
    rank bigint NOT NULL DEFAULT 0,
    -- The preferred location first; NULL: any.
    locations text[],
    hold_until timestamptz,
    -- The day it is promised for, as it was last told. And the day that was told first; NULL: the same.
    promised_on date,
    first_promised_on date,
    -- The day by which it has to leave, so that the promise keeps what is required.
    due_by date,
    -- Nearly every line is placed with units of one batch. They are stored in the line itself, for as long as it holds
    -- them: that saves a row and two index entries for each line. Units that it gets later, or in more batches, are
    -- rows of `further_allocations`.
    batch text COLLATE "C",
    units integer,
    -- The release rank of these units: the lower leaves the batch first.
    release_rank bigint NOT NULL DEFAULT 0,
    -- The version of the product whose event reports the placing. The order of service follows it, and no clock. The
    -- event of a line that was placed with units has no order_id: it is found through the line, and needs no entry in
    -- the index of the events by order.
    placed_version bigint NOT NULL,
    -- Of a line that was placed again after it had ended: the version whose event reported the first placing.
    first_placed_version bigint,
    -- Its units that have left the building, beside the quantity that it still wants; of a dispatched line they are it.
    dispatched integer NOT NULL DEFAULT 0,
    -- What was first asked for a line that was placed alone. Of one that was placed with its order, the order has it.
    asked text,
    PRIMARY KEY (order_id, line_id),
    CONSTRAINT lines_are_sound CHECK (
        line_is_sound(
            quantity, state, hold_until, promised_on, first_promised_on, due_by, batch, units, dispatched
        )
    )
);

-- The backlog in order of service, with what tells whether a line can be served: those that can't are passed over within
-- the index.
CREATE INDEX lines_backlog ON lines (sku, rank, placed_version, order_id, line_id) INCLUDE (quantity, split)
    WHERE state = 'backordered';
-- The lines of all products that wait, as they are listed and counted: the oldest first.
CREATE INDEX lines_waiting ON lines (placed_at, order_id, line_id) INCLUDE (quantity, hold_until)
    WHERE state = 'backordered';
-- Those of them that are required by a day. The last 32 bits of a rank rise from day to day, and are 0 where there is none.
CREATE INDEX lines_waiting_due ON lines ((rank & 4294967295), order_id, line_id)
    WHERE state = 'backordered' AND (rank & 4294967295) <> 0;
-- The lines of all products of which it was told that they can't leave by the day they are required by.
CREATE INDEX lines_promised_late ON lines ((rank & 4294967295), order_id, line_id)
    WHERE state IN ('held', 'allocated') AND due_by IS NULL AND (rank & 4294967295) <> 0;
-- The lines of a product that have to leave by a day.
CREATE INDEX lines_due ON lines (sku, due_by) WHERE due_by IS NOT NULL;
-- The holds on a product, in the order in which they end.
CREATE INDEX lines_holds ON lines (sku, hold_until, order_id) WHERE hold_until IS NOT NULL;
-- Which lines leave a batch first when it shrinks. The index is read backwards: a line that is allocated later is then
-- inserted behind the others, and pages stay full.
CREATE INDEX lines_release ON lines (batch, release_rank DESC, placed_version) WHERE batch IS NOT NULL;

-- The allocations that are not stored in their line.
CREATE TABLE further_allocations (
    order_id text COLLATE "C" NOT NULL,
    line_id text COLLATE "C" NOT NULL,
    batch text COLLATE "C" NOT NULL,
    quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
    -- The version of the product whose event tells of the allocation.
    allocated_version bigint NOT NULL,
    release_rank bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (order_id, line_id, batch)
);

-- As `lines_release`.
CREATE INDEX further_allocations_release ON further_allocations (batch, release_rank DESC, allocated_version);

-- All allocations, wherever they are stored.
CREATE VIEW allocations AS
SELECT order_id, line_id, batch, quantity, allocated_version, release_rank FROM further_allocations
UNION ALL
SELECT order_id, line_id, batch, units, placed_version, release_rank FROM lines WHERE batch IS NOT NULL;

-- Units that have left the building.
CREATE TABLE dispatches (
    order_id text COLLATE "C" NOT NULL,
    line_id text COLLATE "C" NOT NULL,
    batch text COLLATE "C" NOT NULL,
    quantity integer NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
    allocated_version bigint NOT NULL,
    -- The version of the product whose event tells that they left. A line may leave in parts.
    dispatched_version bigint NOT NULL,
    dispatched_at timestamptz NOT NULL,
    PRIMARY KEY (order_id, line_id, batch, dispatched_version)
);

-- The events, which are the outbox as well. `data` is json, not jsonb: it is checked once and then stored and returned
-- byte for byte. No query searches it, so parsing it into jsonb would be wasted work.
CREATE TABLE events (
    sequence bigint NOT NULL PRIMARY KEY,
    sku text COLLATE "C",
    version bigint,
    order_id text COLLATE "C",
    type text NOT NULL,
    occurred_at timestamptz NOT NULL,
    -- The day of the decision, by the shop's calendar.
    decided_on date NOT NULL,
    actor text NOT NULL,
    correlation_id text NOT NULL,
    data json NOT NULL,
    CONSTRAINT events_sku_version UNIQUE (sku, version),
    CONSTRAINT events_product_is_whole CHECK ((sku IS NULL) = (version IS NULL))
);

CREATE INDEX events_order ON events (order_id, sequence) WHERE order_id IS NOT NULL;

-- Numbers are drawn under an advisory lock that is held until the commit, so they follow the order of commits.
CREATE SEQUENCE events_sequence AS bigint;

-- Which books these are: one row. They are named anew when they are first opened, so that books that were copied before
-- have names of their own.
CREATE TABLE books (
    id text COLLATE "C" NOT NULL PRIMARY KEY CHECK (id ~ '^[0-9a-f]{32}$')
);

CREATE UNIQUE INDEX books_are_one ON books ((true));

INSERT INTO books (id) VALUES (replace(gen_random_uuid()::text, '-', ''));

-- The histories that the books have told, each from where it branched off from the one before: after a backup was
-- restored, or after a failover.
CREATE TABLE epochs (
    number bigint NOT NULL PRIMARY KEY CHECK (number >= 1),
    -- Its events are those after this one.
    after_sequence bigint NOT NULL CHECK (after_sequence >= 0),
    -- By what the database was known when it began: the cluster, its timeline, the database, and the table of the books.
    origin text NOT NULL,
    began_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Those who are told of events, each with how far it has got. One relay works on a subscription at a time, as long as it
-- holds the lease; each new holder gets a higher fence, and what is written with an older one is refused.
CREATE TABLE subscriptions (
    name text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 500),
    -- Where it began: behind an event, in an epoch.
    start_epoch bigint NOT NULL CHECK (start_epoch >= 0),
    start_sequence bigint NOT NULL CHECK (start_sequence >= 0),
    -- Up to where all events were delivered, or are dead letters.
    place_epoch bigint NOT NULL CHECK (place_epoch >= 0),
    place_sequence bigint NOT NULL CHECK (place_sequence >= 0),
    -- The last event of the delivery that is under way.
    delivery_end bigint CHECK (delivery_end >= 0),
    -- When its bounds were stored; where none is under way, when the last one ended.
    delivery_at timestamptz,
    -- Since when the sink has not taken the next delivery, how often it was tried, and why the last time failed.
    failing_since timestamptz,
    failing_attempts bigint CHECK (failing_attempts >= 0),
    failing_reason text,
    -- Why nothing is sent any more.
    disabled text,
    fence bigint NOT NULL CHECK (fence >= 1),
    -- Who holds the lease, and until when. NULL: it was given back.
    holder bytea CHECK (length(holder) = 16),
    leased_until timestamptz,
    CONSTRAINT subscriptions_fail_wholly CHECK (num_nulls(failing_since, failing_attempts, failing_reason) IN (0, 3)),
    CONSTRAINT subscriptions_are_leased_wholly CHECK (num_nulls(holder, leased_until) IN (0, 2))
) WITH (fillfactor = 50);

-- Events that a subscription has put aside: their subscriber has not taken them, or they wait behind such a one.
CREATE TABLE dead_letters (
    subscription text COLLATE "C" NOT NULL REFERENCES subscriptions (name),
    sequence bigint NOT NULL CHECK (sequence >= 0),
    sku text COLLATE "C",
    state text NOT NULL CHECK (state IN ('waits', 'tried', 'dead')),
    -- Why the subscriber has not taken it.
    reason text,
    attempts bigint NOT NULL CHECK (attempts >= 0),
    since timestamptz NOT NULL,
    PRIMARY KEY (subscription, sequence),
    CONSTRAINT dead_letters_that_were_tried_have_a_reason CHECK ((reason IS NULL) = (state = 'waits'))
);

-- Answers to calls, by the idempotency keys that callers chose. Each row is written twice: when the lease is acquired,
-- and when the answer is stored, which touches no index. The fill factor leaves room for the second write.
CREATE TABLE idempotency_keys (
    key text COLLATE "C" PRIMARY KEY CHECK (length(key) BETWEEN 1 AND 400),
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    token bytea NOT NULL CHECK (length(token) = 16),
    leased_until timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    answer bytea
) WITH (fillfactor = 50);

CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

-- The messages that were processed (inbox pattern): a message that is delivered again is recognised by its row.
CREATE TABLE inbox (
    source text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    processed_at timestamptz NOT NULL,
    -- Why its command was refused. NULL: it was carried out.
    refusal text,
    PRIMARY KEY (source, message_id)
);

-- The oldest are forgotten first. New entries go to the end of the index, which is the cheapest place. (A BRIN index would
-- be cheaper yet, as long as the table is in order of age: the room of what was forgotten is used again.)
CREATE INDEX inbox_processed_at ON inbox (processed_at);

-- The messages that could not be read, or whose commands were refused for good. Numbers are never used again.
CREATE TABLE dead_messages (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text COLLATE "C" NOT NULL CHECK (length(source) BETWEEN 1 AND 200),
    -- As the inbox has it beside the source; empty where the source has no ids.
    message_id text COLLATE "C" NOT NULL,
    -- NULL: it named no request that it belongs to.
    correlation_id text,
    reason text NOT NULL,
    attempts bigint NOT NULL CHECK (attempts >= 1),
    since timestamptz NOT NULL,
    -- Whether it is to be tried once more, which takes all of it.
    replayed boolean NOT NULL CHECK (NOT replayed OR octet_length(body) = bytes),
    -- How many bytes the message has.
    bytes bigint NOT NULL CHECK (bytes >= octet_length(body)),
    -- What was kept of it.
    body bytea NOT NULL
);

CREATE UNIQUE INDEX dead_messages_message_id ON dead_messages (source, message_id) WHERE message_id <> '';
CREATE INDEX dead_messages_source ON dead_messages (source, number, replayed);
CREATE INDEX dead_messages_replayed ON dead_messages (source, number) WHERE replayed;

-- The keys that open the service to callers from outside. Of their secrets there are hashes only. The fill factor leaves
-- room for the last use, which touches no index.
CREATE TABLE access_keys (
    name text COLLATE "C" NOT NULL PRIMARY KEY CHECK (length(name) BETWEEN 1 AND 64),
    -- By it a caller is known.
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    -- In the order in which the service names them, each once, parted by commas.
    roles text NOT NULL CHECK (roles = substr(
        CASE WHEN position(',viewer,' IN ',' || roles || ',') > 0 THEN ',viewer' ELSE '' END
        || CASE WHEN position(',sales,' IN ',' || roles || ',') > 0 THEN ',sales' ELSE '' END
        || CASE WHEN position(',warehouse,' IN ',' || roles || ',') > 0 THEN ',warehouse' ELSE '' END
        || CASE WHEN position(',planner,' IN ',' || roles || ',') > 0 THEN ',planner' ELSE '' END
        || CASE WHEN position(',admin,' IN ',' || roles || ',') > 0 THEN ',admin' ELSE '' END, 2)),
    -- How the orders and the products begin that its holder knows of, in order, each on a line. Empty: all of them.
    orders_with_prefix text NOT NULL DEFAULT '' CHECK (length(orders_with_prefix) <= 1040),
    skus_with_prefix text NOT NULL DEFAULT '' CHECK (length(skus_with_prefix) <= 1040),
    created_at timestamptz NOT NULL,
    -- From when on it opens nothing. NULL: it does not expire.
    expires_at timestamptz,
    -- A key that was revoked stays, so that its name in events keeps its meaning.
    revoked_at timestamptz,
    last_used_at timestamptz
) WITH (fillfactor = 50);

-- The sessions of browsers whose holder has shown a key, or is a person whom an identity provider has named. Those of a key
-- that is revoked, or has another secret by now, open nothing. Of their ids there are hashes only.
CREATE TABLE sessions (
    hash bytea NOT NULL PRIMARY KEY CHECK (length(hash) = 32),
    -- The hash of the secret that was shown. NULL: it is a person.
    key_hash bytea CHECK (length(key_hash) = 32),
    -- Of the key or of the person.
    holder text COLLATE "C" NOT NULL,
    -- What the person may do, as keys have it. NULL: what the key may do.
    roles text COLLATE "C" CHECK (roles <> ''),
    began_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    CONSTRAINT sessions_are_of_a_key_or_a_person CHECK ((key_hash IS NULL) = (roles IS NOT NULL))
);

-- A holder has only so many.
CREATE INDEX sessions_of_holders ON sessions (holder, began_at);
-- Those that are over are forgotten.
CREATE INDEX sessions_by_end ON sessions (ends_at);

-- What was refused, and who has changed who may do what; what was done to the stock is in the events. Repeats are one row for
-- a minute, which is updated as long as they come: the fill factor leaves room for that, and it touches no index.
CREATE TABLE access_log (
    -- Given under a lock, so that who reads on behind a number misses no row that was stored late.
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- A row that is written again is known by it.
    id bytea NOT NULL UNIQUE CHECK (length(id) = 16),
    first_at timestamptz NOT NULL,
    last_at timestamptz NOT NULL CHECK (last_at >= first_at),
    -- NULL: a stranger.
    caller text COLLATE "C",
    -- NULL: not from a network, or it is not known.
    address text COLLATE "C",
    -- A call or a command.
    action text COLLATE "C" NOT NULL,
    -- A key, a subscription, a source. NULL: nothing of the service's own.
    about text COLLATE "C",
    decision text COLLATE "C" NOT NULL
        CHECK (decision IN ('done', 'forbidden', 'out_of_bounds', 'no_key', 'unknown_key', 'expired_key', 'revoked_key', 'too_many',
                            'not_recorded')),
    -- The role that would be needed.
    needs text COLLATE "C" CHECK ((decision = 'forbidden') = (needs IS NOT NULL)),
    count bigint NOT NULL CHECK (count >= 1),
    -- That of the first. NULL: no request.
    correlation_id text COLLATE "C"
) WITH (fillfactor = 80);

-- There may be only so many refusals; what was done stays for all of its time.
CREATE INDEX access_log_refusals ON access_log (number) WHERE decision <> 'done';

-- Sums ----------------------------------------------------------------------------------------------------------------

-- `batches.allocated` is the sum of the batch's allocations, `batches.dispatched` that of its dispatches. Triggers keep
-- both, whatever program writes. They also check, once for all rows of a statement, what foreign keys would check row
-- by row: that the batch and the line exist.
--
-- A connection keeps its plans, and a plan made while a table is small must remain a look-up when the table is large.
-- Each function therefore switches off the plans that would read a whole table or index. One batch is found after the
-- other, by its key: to find all keys of a list first, and match what is found with the sums, takes the square of their
-- number. Lines are found by a LATERAL whose LIMIT keeps it a look-up.

CREATE FUNCTION further_allocations_add() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    found bigint;
BEGIN
    UPDATE batches
       SET allocated = batches.allocated + sums.units
      FROM (SELECT batch, sum(quantity)::bigint AS units FROM added GROUP BY batch) AS sums
     WHERE batches.reference = sums.batch;
    GET DIAGNOSTICS found = ROW_COUNT;
    IF found <> (SELECT count(DISTINCT batch) FROM added) THEN
        RAISE EXCEPTION 'allocations refuses INSERT: there is no such batch' USING ERRCODE = 'foreign_key_violation';
    END IF;
    IF (SELECT count(*) FROM added CROSS JOIN LATERAL
            (SELECT batch FROM lines WHERE lines.order_id = added.order_id AND lines.line_id = added.line_id LIMIT 1)
            AS line
         WHERE line.batch IS DISTINCT FROM added.batch)
       <> (SELECT count(*) FROM added) THEN
        RAISE EXCEPTION 'allocations refuses INSERT: there is no such line, or it holds units of that batch itself'
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION further_allocations_subtract() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    UPDATE batches
       SET allocated = batches.allocated - sums.units
      FROM (SELECT batch, sum(quantity)::bigint AS units FROM removed GROUP BY batch) AS sums
     WHERE batches.reference = sums.batch;
    RETURN NULL;
END
$$;

CREATE TRIGGER further_allocations_add AFTER INSERT ON further_allocations
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION further_allocations_add();
CREATE TRIGGER further_allocations_subtract AFTER DELETE ON further_allocations
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION further_allocations_subtract();

-- This runs for every line that is placed.
CREATE FUNCTION lines_add() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    found bigint;
BEGIN
    UPDATE batches SET allocated = batches.allocated + sums.units
      FROM (SELECT batch, sum(units)::bigint AS units FROM added WHERE batch IS NOT NULL GROUP BY batch) AS sums
     WHERE batches.reference = sums.batch;
    GET DIAGNOSTICS found = ROW_COUNT;
    IF found <> (SELECT count(DISTINCT batch) FROM added) THEN
        RAISE EXCEPTION 'lines refuses INSERT: there is no such batch' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END
$$;

-- A line releases the units stored in it as a whole, and gets no others there.
CREATE FUNCTION lines_subtract() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    UPDATE batches
       SET allocated = batches.allocated - sums.units
      FROM (SELECT batch, sum(units)::bigint AS units FROM (
                SELECT batch, units FROM before UNION ALL SELECT batch, -units FROM after) AS both_sides
             WHERE batch IS NOT NULL GROUP BY batch HAVING sum(units) <> 0) AS sums
     WHERE batches.reference = sums.batch;
    RETURN NULL;
END
$$;

CREATE TRIGGER lines_add AFTER INSERT ON lines
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION lines_add();
CREATE TRIGGER lines_subtract AFTER UPDATE ON lines
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION lines_subtract();

CREATE FUNCTION dispatches_add() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    found bigint;
BEGIN
    UPDATE batches
       SET dispatched = batches.dispatched + sums.units
      FROM (SELECT batch, sum(quantity)::bigint AS units FROM added GROUP BY batch) AS sums
     WHERE batches.reference = sums.batch;
    GET DIAGNOSTICS found = ROW_COUNT;
    IF found <> (SELECT count(DISTINCT batch) FROM added) THEN
        RAISE EXCEPTION 'dispatches refuses INSERT: there is no such batch' USING ERRCODE = 'foreign_key_violation';
    END IF;
    IF (SELECT count(*) FROM added CROSS JOIN LATERAL
            (SELECT FROM lines WHERE lines.order_id = added.order_id AND lines.line_id = added.line_id LIMIT 1) AS line)
       <> (SELECT count(*) FROM added) THEN
        RAISE EXCEPTION 'dispatches refuses INSERT: there is no such line' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION dispatches_subtract() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off
SET plan_cache_mode = force_generic_plan AS $$
BEGIN
    UPDATE batches
       SET dispatched = batches.dispatched - sums.units
      FROM (SELECT batch, sum(quantity)::bigint AS units FROM removed GROUP BY batch) AS sums
     WHERE batches.reference = sums.batch;
    RETURN NULL;
END
$$;

CREATE TRIGGER dispatches_add AFTER INSERT ON dispatches
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION dispatches_add();
CREATE TRIGGER dispatches_subtract AFTER DELETE ON dispatches
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION dispatches_subtract();

-- Refusals ------------------------------------------------------------------------------------------------------------

-- A refusal has the error code of a violated check: a program handles both in the same way.
CREATE FUNCTION refuse_to_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refuses %: %', TG_TABLE_NAME, TG_OP, TG_ARGV[0] USING ERRCODE = 'check_violation';
END
$$;

CREATE TRIGGER events_are_facts BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change('events are facts');
CREATE TRIGGER further_allocations_are_never_altered BEFORE UPDATE OR TRUNCATE ON further_allocations
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change('an allocation is deleted and made anew');
CREATE TRIGGER dispatches_are_never_altered BEFORE UPDATE OR TRUNCATE ON dispatches
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change('a dispatch is deleted and made anew');

-- Only the triggers above write the sums: within them the trigger depth is not 0. A row trigger's condition is
-- evaluated without a call; a statement trigger costs nothing unless the statement names the column.
CREATE TRIGGER batches_begin_unallocated BEFORE INSERT ON batches
    FOR EACH ROW WHEN (NEW.allocated <> 0)
    EXECUTE FUNCTION refuse_to_change('allocated follows from the allocations');
CREATE TRIGGER batches_begin_undispatched BEFORE INSERT ON batches
    FOR EACH ROW WHEN (NEW.dispatched <> 0)
    EXECUTE FUNCTION refuse_to_change('dispatched follows from the dispatches');
CREATE TRIGGER batches_allocated_follows BEFORE UPDATE OF allocated ON batches
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION refuse_to_change('allocated follows from the allocations');
CREATE TRIGGER batches_dispatched_follows BEFORE UPDATE OF dispatched ON batches
    FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)
    EXECUTE FUNCTION refuse_to_change('dispatched follows from the dispatches');

-- The other side of the missing foreign keys: rows that others refer to stay, and keep their keys.
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
CREATE TRIGGER lines_keep_their_units BEFORE UPDATE OF batch, units, release_rank, placed_version ON lines
    FOR EACH ROW WHEN (NEW.batch IS NOT NULL
                       AND (NEW.batch, NEW.units, NEW.release_rank, NEW.placed_version)
                       IS DISTINCT FROM (OLD.batch, OLD.units, OLD.release_rank, OLD.placed_version))
    EXECUTE FUNCTION refuse_to_change('a line releases its units as a whole, and gets others apart');

-- The fast path -------------------------------------------------------------------------------------------------------

-- Stores new lines in one statement, which is a transaction of its own. The function decides nothing. It checks the
-- read set of a decision that was taken on cached products: the versions of the products, and that the orders and lines
-- did not exist. If the check fails, nothing is stored. Under escrow other transactions may have placed lines in a
-- product since it was read: then each batch only has to have the units that the decision needs.
--
-- Rows are built from the arrays by subscript. Within the function an array is unpacked once; `unnest` would first copy
-- each column into a store of its own. An empty array is passed as NULL, which costs nothing and is NULL at every
-- subscript.
CREATE FUNCTION place_lines(
    -- Of each product: its SKU; the version that was read, and the new one, which is the same if the product does not
    -- change; its base version as it was read, if it may have been changed under escrow since, else NULL; when the next
    -- hold on it ended as it was read, and when it ends now; whether it is depleted now. The last three are NULL if
    -- none of the products has a hold and none was depleted or refilled. And whether it has a line that may be at risk;
    -- NULL if none is known.
    skus text[], read_versions bigint[], new_versions bigint[], base_versions bigint[],
    read_expiries timestamptz[], new_expiries timestamptz[], depleted_now boolean[], at_risk_now boolean[],
    -- The units that have to be available in batches if other transactions have placed lines since.
    escrow_batches text[], escrow_units bigint[],
    -- Orders that must have neither header nor line yet, and lines that must not exist and are not among the new.
    absent_orders text[], absent_line_orders text[], absent_line_ids text[],
    -- Orders that lines are added to, and that must be new or plain: neither held nor cancelled, and without terms of
    -- their own.
    plain_orders text[],
    -- Orders and lines in the order of their keys: two transactions with the same keys then never wait for each other.
    -- Priorities, dates and deadlines are NULL if all orders have the usual.
    order_ids text[], order_placed_at timestamptz[], order_asked text[], order_priorities integer[],
    order_required_by date[], order_hold_until timestamptz[],
    line_orders text[], line_ids text[], line_skus text[], line_quantities integer[], line_states text[],
    line_splits boolean[], line_placed_at timestamptz[], line_with_order boolean[], line_asked text[],
    line_promised_on date[],
    -- The units that a line is placed with, and the version of the product whose event reports the placing.
    line_batches text[], line_units integer[], line_placed_versions bigint[],
    -- NULL if all lines have the usual. The locations of a line are one text, written as an array.
    line_release_ranks bigint[], line_ranks bigint[], line_locations text[], line_hold_until timestamptz[],
    line_first_promised_on date[], line_due_by date[],
    -- Units in a second batch, and in more. They are never placed under escrow: their versions stand.
    further_orders text[], further_lines text[], further_batches text[], further_quantities integer[],
    further_allocated_versions bigint[], further_release_ranks bigint[],
    event_skus text[], event_versions bigint[], event_orders text[], event_types text[],
    event_occurred_at timestamptz[], event_decided_on date[], event_actors text[], event_correlation_ids text[],
    event_data text[],
    -- The advisory lock that is held from the numbering of events to the commit.
    events_lock bigint,
    -- The pipeline token that the predecessor on this connection leaves in the session, and the one that this
    -- transaction leaves. NULL: there is no predecessor, or no successor.
    predecessor text, pipeline_token text
) RETURNS void LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
-- The plans do not depend on what the arrays hold. With short arrays the planner would plan anew each time.
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    valid bigint;
    token_set text;
    locked boolean;
    -- The products in which other transactions have placed lines since they were read, and by how many versions; NULL
    -- if there is none.
    escrowed_skus text[];
    escrowed_commits bigint[];
    short boolean;
BEGIN
    -- A rollback also takes back the token: the predecessor was stored if its token is there.
    IF current_setting('earmark.pipeline_token', true)
       IS DISTINCT FROM coalesce(predecessor, current_setting('earmark.pipeline_token', true)) THEN
        RAISE EXCEPTION 'the predecessor was not stored' USING ERRCODE = 'serialization_failure';
    END IF;
    IF pipeline_token IS NOT NULL THEN
        token_set := set_config('earmark.pipeline_token', pipeline_token, false);
    END IF;

    -- Locks row by row in the order of SKUs, so that two transactions never wait for each other: the planner is left
    -- with nothing but a loop over the array. A product that was changed under escrow is reported by a setting that
    -- lasts until the transaction ends, so that only then it is looked at more closely. While work is pending on a
    -- product, nothing is placed in it; and whoever placed a line at risk in the meantime is not contradicted. Neither
    -- shows in the version.
    UPDATE products
       SET version = products.version + new.raised_by,
           escrow_commits = products.escrow_commits + CASE WHEN new.base_version IS NULL THEN 0 ELSE new.raised_by END,
           next_expiry = new.expiry, depleted = coalesce(new.depleted, products.depleted),
           at_risk = products.at_risk OR coalesce(new.at_risk, false)
      FROM (SELECT skus[at] AS sku, read_versions[at] AS read_version,
                   new_versions[at] - read_versions[at] AS raised_by, base_versions[at] AS base_version,
                   read_expiries[at] AS read_expiry, new_expiries[at] AS expiry, depleted_now[at] AS depleted,
                   at_risk_now[at] AS at_risk
              FROM generate_series(1, cardinality(skus)) AS at
             WHERE new_versions[at] <> read_versions[at] ORDER BY skus[at] COLLATE "C") AS new
     WHERE products.sku = new.sku
       -- In one condition with the other side: of `pending IS NULL` alone the planner would take it, as long as it has no
       -- statistics, that few products are left, and walk through all of them.
       AND CASE WHEN products.pending IS NULL THEN products.next_expiry IS NOT DISTINCT FROM new.read_expiry END
       AND (products.version = new.read_version
            OR products.version > new.read_version AND products.version - products.escrow_commits = new.base_version
               AND set_config('earmark.escrowed', 'true', true) = 'true');
    GET DIAGNOSTICS valid = ROW_COUNT;
    IF valid < cardinality(skus) THEN
        -- Add the products that the decision read and did not change.
        valid := valid + (
            SELECT count(*) FROM unnest(skus, read_versions, new_versions, read_expiries)
                AS read (one, read_version, new_version, read_expiry)
             CROSS JOIN LATERAL
                (SELECT products.version, products.next_expiry, products.pending FROM products
                  WHERE products.sku = one LIMIT 1) AS product
             WHERE read.new_version = read.read_version AND product.version = read.read_version
               AND product.pending IS NULL
               AND product.next_expiry IS NOT DISTINCT FROM read.read_expiry);
        IF valid < cardinality(skus) THEN
            RAISE EXCEPTION 'a product has changed' USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;

    IF current_setting('earmark.escrowed', true) = 'true' THEN
        -- This transaction comes after the others, and its versions are moved up by theirs. A transaction that changes
        -- a batch holds its product, so the units stay available until the commit.
        SELECT array_agg(raised.sku), array_agg(product.version - raised.version),
               EXISTS (SELECT FROM unnest(escrow_batches, escrow_units) AS need (one, units) CROSS JOIN LATERAL
                   (SELECT quantity - allocated - dispatched AS available FROM batches WHERE reference = one LIMIT 1)
                    AS batch
                    WHERE batch.available < need.units)
          INTO escrowed_skus, escrowed_commits, short
          FROM unnest(skus, new_versions) AS raised (sku, version) CROSS JOIN LATERAL
            (SELECT products.version FROM products WHERE products.sku = raised.sku LIMIT 1) AS product
         WHERE product.version > raised.version;
        IF short THEN
            RAISE EXCEPTION 'a batch has too few units available' USING ERRCODE = 'serialization_failure';
        END IF;
    END IF;

    -- A condition with a query in it is run as a query, whether or not it gets to it: each query has an IF of its own.
    IF cardinality(absent_orders) > 0 OR cardinality(absent_line_orders) > 0 THEN
        IF EXISTS (SELECT FROM unnest(absent_orders) AS named (one) CROSS JOIN LATERAL
                       (SELECT FROM orders WHERE order_id = one LIMIT 1) AS header)
           OR EXISTS (SELECT FROM unnest(absent_orders) AS named (one) CROSS JOIN LATERAL
                          (SELECT FROM lines WHERE order_id = one LIMIT 1) AS line)
           OR EXISTS (SELECT FROM unnest(absent_line_orders, absent_line_ids) AS named (one_order, one_line)
                       CROSS JOIN LATERAL
                          (SELECT FROM lines WHERE order_id = one_order AND line_id = one_line LIMIT 1) AS line) THEN
            RAISE EXCEPTION 'an order or a line is not new' USING ERRCODE = 'unique_violation';
        END IF;
    END IF;

    -- Nearly all are new, and then nothing else is looked up. OFFSET keeps each of these a look-up.
    IF cardinality(plain_orders) > 0 THEN
        IF EXISTS (SELECT FROM unnest(plain_orders) AS one
                    WHERE EXISTS (SELECT FROM lines WHERE order_id = one OFFSET 0)) THEN
            IF EXISTS (SELECT FROM unnest(plain_orders) AS named (one) CROSS JOIN LATERAL
                           (SELECT FROM lines WHERE order_id = one LIMIT 1) AS line
                        WHERE EXISTS (SELECT FROM orders
                                       WHERE order_id = one
                                         AND (priority <> 0 OR required_by IS NOT NULL OR hold_until IS NOT NULL)
                                      OFFSET 0)
                           OR NOT EXISTS (SELECT FROM lines
                                           WHERE order_id = one AND state NOT IN ('cancelled', 'refused') OFFSET 0))
            THEN
                RAISE EXCEPTION 'an order has terms of its own' USING ERRCODE = 'unique_violation';
            END IF;
        END IF;
    END IF;

    IF cardinality(order_ids) > 0 THEN
        INSERT INTO orders (order_id, placed_at, asked, priority, required_by, hold_until)
        SELECT order_ids[at], order_placed_at[at], order_asked[at], coalesce(order_priorities[at], 0), order_required_by[at],
               order_hold_until[at]
          FROM generate_series(1, cardinality(order_ids)) AS at;
    END IF;
    IF cardinality(line_orders) > 0 THEN
        INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order, asked,
                           promised_on, batch, units, placed_version, release_rank, rank, locations, hold_until, first_promised_on,
                           due_by)
        SELECT line_orders[at], line_ids[at], line_skus[at], line_quantities[at], line_states[at], line_splits[at],
               line_placed_at[at], line_with_order[at], line_asked[at], line_promised_on[at], line_batches[at], line_units[at],
               line_placed_versions[at] + coalesce(escrowed_commits[array_position(escrowed_skus, line_skus[at])], 0),
               coalesce(line_release_ranks[at], 0), coalesce(line_ranks[at], 0), line_locations[at]::text[],
               line_hold_until[at], line_first_promised_on[at], line_due_by[at]
          FROM generate_series(1, cardinality(line_orders)) AS at;
    END IF;
    IF cardinality(further_orders) > 0 THEN
        INSERT INTO further_allocations (order_id, line_id, batch, quantity, allocated_version, release_rank)
        SELECT further_orders[at], further_lines[at], further_batches[at], further_quantities[at],
               further_allocated_versions[at], further_release_ranks[at]
          FROM generate_series(1, cardinality(further_orders)) AS at;
    END IF;
    IF cardinality(event_types) > 0 THEN
        locked := pg_advisory_xact_lock(events_lock) IS NOT NULL;
        INSERT INTO events (sequence, sku, version, order_id, type, occurred_at, decided_on, actor, correlation_id,
                            data)
        SELECT nextval('events_sequence'), event_skus[at],
               event_versions[at] + coalesce(escrowed_commits[array_position(escrowed_skus, event_skus[at])], 0),
               event_orders[at], event_types[at], event_occurred_at[at], event_decided_on[at], event_actors[at],
               event_correlation_ids[at], event_data[at]::json
          FROM generate_series(1, cardinality(event_types)) AS at;
    END IF;
END
$$;
