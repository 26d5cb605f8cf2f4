-- The same least as on PostgreSQL: stock that can't fall below zero, who has what, and an event for others to read.

CREATE TABLE products (
    sku TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
    id INTEGER NOT NULL PRIMARY KEY,
    sku TEXT NOT NULL REFERENCES products (sku),
    reference TEXT NOT NULL UNIQUE,
    quantity INTEGER NOT NULL CHECK (quantity >= 0),
    allocated INTEGER NOT NULL DEFAULT 0,
    eta TEXT,
    CHECK (allocated >= 0 AND allocated <= quantity)
) STRICT;

CREATE INDEX batches_of_product ON batches (sku);

CREATE TABLE allocations (
    order_id TEXT NOT NULL,
    sku TEXT NOT NULL,
    batch INTEGER NOT NULL REFERENCES batches (id),
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, sku)
) STRICT, WITHOUT ROWID;

CREATE TABLE outbox (
    id INTEGER NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL CHECK (json_valid(payload))
) STRICT;
