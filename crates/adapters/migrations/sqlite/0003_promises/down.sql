-- Back to lines without a deadline, and units that never leave. Books that have either can't go back: the checks say so.
PRAGMA defer_foreign_keys = ON;

DROP TABLE dispatches;
DROP TRIGGER batches_begin_undispatched;
DROP TRIGGER batches_dispatched_follows;
DROP TABLE announced_dispatch;

CREATE TABLE lines_after AS SELECT * FROM lines;
DROP TABLE lines;
CREATE TABLE products_after AS SELECT * FROM products;
DROP TABLE products;

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

INSERT INTO products
SELECT sku, name, version, batches_created, resume_placed_at, resume_order_id, resume_line_id
  FROM products_after
 ORDER BY rowid;

DROP TABLE products_after;

CREATE INDEX products_unserved ON products (sku) WHERE resume_placed_at IS NOT NULL;

ALTER TABLE batches DROP COLUMN created_eta;
ALTER TABLE batches DROP COLUMN closed;
ALTER TABLE orders DROP COLUMN priority;
ALTER TABLE orders DROP COLUMN required_by;
ALTER TABLE orders DROP COLUMN hold_until;

DROP INDEX allocations_release;
ALTER TABLE allocations DROP COLUMN claim;
CREATE INDEX allocations_release ON allocations (batch, allocated_at);

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

INSERT INTO lines
SELECT order_id, line_id, sku, quantity, state, split, placed_at, placed_with_order
  FROM lines_after
 ORDER BY rowid;

DROP TABLE lines_after;

CREATE INDEX lines_backlog ON lines (sku, placed_at, order_id, line_id) WHERE state = 'backordered';
