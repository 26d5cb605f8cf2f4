-- Promises: holds with a deadline, precedence, locations, units kept back, and units that have left the building.
--
-- Columns are added where a table can be left as it is. Where a check changes, the table is made anew under its name;
-- meanwhile others refer to rows that are not there, which is held against the transaction only if it is so at its end.
PRAGMA defer_foreign_keys = ON;

-- Lines go first and come back last: while they are away, nobody looks through all of them for each product.
CREATE TABLE lines_before AS SELECT * FROM lines;
DROP TABLE lines;

CREATE TABLE products_before AS SELECT * FROM products;
DROP TABLE products;

CREATE TABLE products (
    sku TEXT NOT NULL PRIMARY KEY,
    name TEXT,
    version INTEGER NOT NULL CHECK (version >= 0),
    batches_created INTEGER NOT NULL CHECK (batches_created >= 0),
    resume_rank INTEGER,
    resume_placed_at INTEGER,
    resume_order_id TEXT,
    resume_line_id TEXT,
    safety_stock INTEGER NOT NULL DEFAULT 0 CHECK (safety_stock BETWEEN 0 AND 1000000000),
    depleted INTEGER NOT NULL DEFAULT FALSE CHECK (depleted IN (0, 1)),
    next_expiry INTEGER,
    CONSTRAINT products_resume_is_whole CHECK (
        (resume_placed_at IS NULL) = (resume_rank IS NULL)
        AND (resume_placed_at IS NULL) = (resume_order_id IS NULL)
        AND (resume_placed_at IS NULL) = (resume_line_id IS NULL)
    )
) STRICT, WITHOUT ROWID;

INSERT INTO products (sku, name, version, batches_created, resume_rank, resume_placed_at, resume_order_id, resume_line_id)
SELECT sku, name, version, batches_created, CASE WHEN resume_placed_at IS NOT NULL THEN 0 END,
       resume_placed_at, resume_order_id, resume_line_id
  FROM products_before
 ORDER BY rowid;

DROP TABLE products_before;

-- The backlogs that are owed another page.
CREATE INDEX products_unserved ON products (sku) WHERE resume_placed_at IS NOT NULL;
-- The holds that end next. It is touched when that instant changes, and not by other changes of a product.
CREATE INDEX products_expiry ON products (next_expiry) WHERE next_expiry IS NOT NULL;

-- A batch can be put off, received and cancelled by now: what it was created with is kept for those who create it again.
ALTER TABLE batches ADD COLUMN created_eta TEXT;
ALTER TABLE batches ADD COLUMN closed INTEGER NOT NULL DEFAULT FALSE CHECK (closed IN (0, 1));
UPDATE batches SET created_eta = eta WHERE eta IS NOT NULL;

ALTER TABLE orders ADD COLUMN priority INTEGER NOT NULL DEFAULT 0 CHECK (priority BETWEEN -1000000 AND 1000000);
ALTER TABLE orders ADD COLUMN required_by TEXT;
ALTER TABLE orders ADD COLUMN hold_until INTEGER;

-- `rank` goes before the time of placing, and is 0 for most. `locations`: a JSON array of names, the preferred one
-- first; NULL where any will do.
CREATE TABLE lines (
    order_id TEXT NOT NULL,
    line_id TEXT NOT NULL,
    sku TEXT NOT NULL REFERENCES products (sku),
    quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
    state TEXT NOT NULL CHECK (
        state IN ('held', 'allocated', 'backordered', 'refused', 'cancelled', 'expired', 'dispatched')
    ),
    split INTEGER NOT NULL CHECK (split IN (0, 1)),
    placed_at INTEGER NOT NULL,
    placed_with_order INTEGER NOT NULL CHECK (placed_with_order IN (0, 1)),
    rank INTEGER NOT NULL DEFAULT 0,
    locations TEXT,
    hold_until INTEGER,
    PRIMARY KEY (order_id, line_id),
    CONSTRAINT lines_held_have_a_deadline CHECK (state <> 'held' OR hold_until IS NOT NULL),
    CONSTRAINT lines_with_a_deadline_are_open CHECK (hold_until IS NULL OR state IN ('held', 'backordered'))
) STRICT, WITHOUT ROWID;

INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order)
SELECT order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order
  FROM lines_before
 ORDER BY rowid;

DROP TABLE lines_before;

-- The backlog in order of service.
CREATE INDEX lines_backlog ON lines (sku, rank, placed_at, order_id, line_id) WHERE state = 'backordered';
-- The holds on a product, in the order in which they end.
CREATE INDEX lines_deadlines ON lines (sku, hold_until, order_id) WHERE hold_until IS NOT NULL;

-- `claim`: the weakest is released first, and 0 is the usual, which takes no room. A product's index grows at one end of
-- its part; it is read backwards.
ALTER TABLE allocations ADD COLUMN claim INTEGER NOT NULL DEFAULT 0;
DROP INDEX allocations_release;
CREATE INDEX allocations_release ON allocations (batch, claim DESC, allocated_at);

-- Units that have left the building.
CREATE TABLE dispatches (
    order_id TEXT NOT NULL,
    line_id TEXT NOT NULL,
    batch TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 1000000000),
    allocated_at INTEGER NOT NULL,
    PRIMARY KEY (order_id, line_id, batch),
    FOREIGN KEY (order_id, line_id) REFERENCES lines (order_id, line_id)
) STRICT, WITHOUT ROWID;

-- What has left a batch is the sum of its dispatches, as what it has allocated is that of its allocations, and by the
-- same means: a row that announces the value that `dispatched` is about to take.
CREATE TABLE announced_dispatch (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    batch TEXT,
    dispatched INTEGER
) STRICT;

INSERT INTO announced_dispatch (id) VALUES (1);

-- That there is such a batch is asked here: a foreign key would want an index, so that batches can be altered.
CREATE TRIGGER dispatches_leave AFTER INSERT ON dispatches BEGIN
    SELECT RAISE (ABORT, 'dispatches refuses INSERT: there is no such batch')
     WHERE NOT EXISTS (SELECT 1 FROM batches WHERE reference = NEW.batch);
    UPDATE announced_dispatch
       SET batch = NEW.batch,
           dispatched = (
               SELECT CASE WHEN allocated + dispatched + NEW.quantity <= quantity THEN dispatched + NEW.quantity
                      ELSE RAISE (ABORT, 'batches refuses UPDATE: a batch holds what is committed') END
                 FROM batches WHERE reference = NEW.batch
           )
     WHERE id = 1;
    UPDATE batches SET dispatched = dispatched + NEW.quantity, open = FALSE
     WHERE reference = NEW.batch AND allocated + dispatched + NEW.quantity = quantity;
    UPDATE batches SET dispatched = dispatched + NEW.quantity
     WHERE reference = NEW.batch AND allocated + dispatched + NEW.quantity < quantity;
END;

CREATE TRIGGER dispatches_return AFTER DELETE ON dispatches BEGIN
    UPDATE announced_dispatch
       SET batch = OLD.batch,
           dispatched = (SELECT dispatched - OLD.quantity FROM batches WHERE reference = OLD.batch)
     WHERE id = 1;
    UPDATE batches SET dispatched = dispatched - OLD.quantity WHERE reference = OLD.batch AND open;
    UPDATE batches SET dispatched = dispatched - OLD.quantity, open = TRUE WHERE reference = OLD.batch AND NOT open;
END;

CREATE TRIGGER dispatches_are_never_altered BEFORE UPDATE ON dispatches BEGIN
    SELECT RAISE (ABORT, 'dispatches refuses UPDATE: a dispatch is deleted and made anew');
END;

CREATE TRIGGER batches_begin_undispatched BEFORE INSERT ON batches WHEN NEW.dispatched <> 0 BEGIN
    SELECT RAISE (ABORT, 'batches refuses INSERT: dispatched follows from the dispatches');
END;

CREATE TRIGGER batches_dispatched_follows BEFORE UPDATE OF dispatched ON batches
WHEN NEW.dispatched <> OLD.dispatched
    AND NOT EXISTS (SELECT 1 FROM announced_dispatch WHERE batch = NEW.reference AND dispatched = NEW.dispatched)
BEGIN
    SELECT RAISE (ABORT, 'batches refuses UPDATE: dispatched follows from the dispatches');
END;
