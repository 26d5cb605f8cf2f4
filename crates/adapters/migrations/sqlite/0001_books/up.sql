-- The books: products, their batches, orders and their lines, the units that lines hold in batches, and what happened.
--
-- Names compare by their bytes: the order of a page is the order of the names everywhere in the service. Instants are
-- microseconds since 1970, days are text (YYYY-MM-DD). Tables are kept in the order of their keys (WITHOUT ROWID), so
-- that a look-up by key is one walk and not two.

CREATE TABLE products (
    sku TEXT NOT NULL PRIMARY KEY,
    name TEXT,
    version INTEGER NOT NULL CHECK (version >= 0),
    batches_created INTEGER NOT NULL CHECK (batches_created >= 0),
    resume_placed_at INTEGER,
    resume_order_id TEXT,
    resume_line_id TEXT,
    CONSTRAINT products_resume_is_whole CHECK (
        (resume_placed_at IS NULL) = (resume_order_id IS NULL)
        AND (resume_placed_at IS NULL) = (resume_line_id IS NULL)
    )
) STRICT, WITHOUT ROWID;

-- The backlogs that are owed another page.
CREATE INDEX products_unserved ON products (sku) WHERE resume_placed_at IS NOT NULL;

CREATE TABLE batches (
    reference TEXT NOT NULL PRIMARY KEY,
    sku TEXT NOT NULL REFERENCES products (sku),
    location TEXT NOT NULL,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 1),
    created_quantity INTEGER NOT NULL CHECK (created_quantity BETWEEN 1 AND 1000000000),
    quantity INTEGER NOT NULL CHECK (quantity BETWEEN 0 AND 1000000000),
    allocated INTEGER NOT NULL DEFAULT 0 CHECK (allocated >= 0),
    dispatched INTEGER NOT NULL DEFAULT 0 CHECK (dispatched >= 0),
    eta TEXT,
    CONSTRAINT batches_sku_ordinal UNIQUE (sku, ordinal),
    CONSTRAINT batches_hold_what_is_committed CHECK (allocated + dispatched <= quantity)
) STRICT, WITHOUT ROWID;

-- The batches a decision looks at, in the order it tries them (no ETA goes first), however many a product has used up.
-- A question must use these very words, the lone
-- column first: the planner turns a comparison round to have it so, and then knows no other spelling.
CREATE INDEX batches_open ON batches (sku, eta, ordinal) WHERE quantity > allocated + dispatched;

CREATE TABLE orders (
    order_id TEXT NOT NULL PRIMARY KEY,
    placed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- No foreign key to orders: lines that were allocated one by one have no header.
CREATE TABLE lines (
    order_id TEXT NOT NULL,
    line_id TEXT NOT NULL,
    sku TEXT NOT NULL REFERENCES products (sku),
    quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
    state TEXT NOT NULL CHECK (state IN ('allocated', 'backordered', 'refused', 'cancelled')),
    split INTEGER NOT NULL CHECK (split IN (0, 1)),
    placed_at INTEGER NOT NULL,
    placed_with_order INTEGER NOT NULL CHECK (placed_with_order IN (0, 1)),
    PRIMARY KEY (order_id, line_id)
) STRICT, WITHOUT ROWID;

-- The backlog in order of service.
CREATE INDEX lines_backlog ON lines (sku, placed_at, order_id, line_id) WHERE state = 'backordered';
-- All lines of a product, for those who audit it: without it an audit of all products would read all lines for each.
CREATE INDEX lines_sku ON lines (sku);

CREATE TABLE allocations (
    order_id TEXT NOT NULL,
    line_id TEXT NOT NULL,
    batch TEXT NOT NULL REFERENCES batches (reference),
    quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
    allocated_at INTEGER NOT NULL,
    PRIMARY KEY (order_id, line_id, batch),
    FOREIGN KEY (order_id, line_id) REFERENCES lines (order_id, line_id)
) STRICT, WITHOUT ROWID;

-- Who leaves a batch first when it shrinks: the latest allocated.
CREATE INDEX allocations_release ON allocations (batch, allocated_at);

CREATE TABLE events (
    sequence INTEGER NOT NULL PRIMARY KEY,
    sku TEXT,
    version INTEGER,
    order_id TEXT,
    type TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    data TEXT NOT NULL,
    CONSTRAINT events_sku_version UNIQUE (sku, version),
    CONSTRAINT events_product_is_whole CHECK ((sku IS NULL) = (version IS NULL))
) STRICT;

-- Ordered by sequence within an order: the row's number, which the sequence is, ends every entry of an index.
CREATE INDEX events_order ON events (order_id) WHERE order_id IS NOT NULL;

-- What a batch has allocated is the sum of its allocations: the tables see to it, whoever writes. A trigger here can't
-- tell who fires it, so the ones that follow the allocations announce the value that `allocated` is about to take, and
-- a value that nobody announced is refused. The table is empty whenever a statement has ended.
CREATE TABLE announced (
    batch TEXT NOT NULL PRIMARY KEY,
    allocated INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TRIGGER allocations_earmark AFTER INSERT ON allocations BEGIN
    INSERT INTO announced (batch, allocated)
    SELECT reference, allocated + NEW.quantity FROM batches WHERE reference = NEW.batch;
    UPDATE batches SET allocated = allocated + NEW.quantity WHERE reference = NEW.batch;
    DELETE FROM announced WHERE batch = NEW.batch;
END;

CREATE TRIGGER allocations_release AFTER DELETE ON allocations BEGIN
    INSERT INTO announced (batch, allocated)
    SELECT reference, allocated - OLD.quantity FROM batches WHERE reference = OLD.batch;
    UPDATE batches SET allocated = allocated - OLD.quantity WHERE reference = OLD.batch;
    DELETE FROM announced WHERE batch = OLD.batch;
END;

CREATE TRIGGER batches_begin_unallocated BEFORE INSERT ON batches WHEN NEW.allocated <> 0 BEGIN
    SELECT RAISE (ABORT, 'batches refuses INSERT: allocated follows from the allocations');
END;

CREATE TRIGGER batches_allocated_follows BEFORE UPDATE OF allocated ON batches
WHEN NEW.allocated <> OLD.allocated
    AND NOT EXISTS (SELECT 1 FROM announced WHERE batch = NEW.reference AND allocated = NEW.allocated)
BEGIN
    SELECT RAISE (ABORT, 'batches refuses UPDATE: allocated follows from the allocations');
END;

CREATE TRIGGER allocations_are_never_altered BEFORE UPDATE ON allocations BEGIN
    SELECT RAISE (ABORT, 'allocations refuses UPDATE: an allocation is deleted and made anew');
END;

CREATE TRIGGER events_are_never_altered BEFORE UPDATE ON events BEGIN
    SELECT RAISE (ABORT, 'events refuses UPDATE: events are facts');
END;

CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events BEGIN
    SELECT RAISE (ABORT, 'events refuses DELETE: events are facts');
END;
