-- Back to an index that every allocation touches, and to an announcement for each batch.
PRAGMA defer_foreign_keys = ON;

DROP TRIGGER allocations_earmark;
DROP TRIGGER allocations_release;
DROP TABLE announced;

CREATE TABLE batches_after AS SELECT * FROM batches;
DROP TABLE batches;

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

INSERT INTO batches
SELECT reference, sku, location, ordinal, created_quantity, quantity, allocated, dispatched, eta
  FROM batches_after
 ORDER BY reference;

DROP TABLE batches_after;

CREATE INDEX batches_open ON batches (sku, eta, ordinal) WHERE quantity > allocated + dispatched;

CREATE INDEX lines_sku ON lines (sku);

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
