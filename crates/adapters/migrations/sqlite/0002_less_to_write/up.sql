-- Less to write for each line that is stored.

-- All lines of a product are found by its batches and by its events. An index for nobody but those who audit was paid by
-- everybody who buys.
DROP INDEX lines_sku;

-- `open`: whether something is available. An index whose predicate names `allocated` has to be touched by every
-- allocation; one on this column is touched when a batch runs out or comes back. The check ties it to the numbers, so
-- whoever changes one of them keeps it right or is refused.
--
-- A column with such a check can't be added to a table that has rows: the table is made anew under its name. Meanwhile
-- the allocations refer to rows that are not there, which is held against the transaction only if it is so at its end.
PRAGMA defer_foreign_keys = ON;

CREATE TABLE batches_before AS SELECT * FROM batches;
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
    open INTEGER NOT NULL DEFAULT TRUE CHECK (open = (allocated + dispatched < quantity)),
    CONSTRAINT batches_sku_ordinal UNIQUE (sku, ordinal),
    CONSTRAINT batches_hold_what_is_committed CHECK (allocated + dispatched <= quantity)
) STRICT, WITHOUT ROWID;

INSERT INTO batches
SELECT reference, sku, location, ordinal, created_quantity, quantity, allocated, dispatched, eta,
       allocated + dispatched < quantity
  FROM batches_before
 ORDER BY reference;

DROP TABLE batches_before;

-- The batches a decision looks at, in the order it tries them (no ETA goes first), however many a product has used up.
CREATE INDEX batches_open ON batches (sku, eta, ordinal) WHERE open;

-- One row, which announces the value that a batch's `allocated` is about to take and is left standing: by then the batch
-- has that value, so it permits nothing more.
DROP TABLE announced;

CREATE TABLE announced (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    batch TEXT,
    allocated INTEGER
) STRICT;

INSERT INTO announced (id) VALUES (1);

-- `open` is written only where it changes, which needs two statements: the first is for the case in which the other has
-- nothing more to do. Where a batch has too little for either, the announcement has refused before: unlike a failed
-- check, that can't be ignored by whoever fires the trigger.
DROP TRIGGER allocations_earmark;
DROP TRIGGER allocations_release;

CREATE TRIGGER allocations_earmark AFTER INSERT ON allocations BEGIN
    UPDATE announced
       SET batch = NEW.batch,
           allocated = (
               SELECT CASE WHEN allocated + dispatched + NEW.quantity <= quantity THEN allocated + NEW.quantity
                      ELSE RAISE (ABORT, 'batches refuses UPDATE: a batch holds what is committed') END
                 FROM batches WHERE reference = NEW.batch
           )
     WHERE id = 1;
    UPDATE batches SET allocated = allocated + NEW.quantity, open = FALSE
     WHERE reference = NEW.batch AND allocated + dispatched + NEW.quantity = quantity;
    UPDATE batches SET allocated = allocated + NEW.quantity
     WHERE reference = NEW.batch AND allocated + dispatched + NEW.quantity < quantity;
END;

CREATE TRIGGER allocations_release AFTER DELETE ON allocations BEGIN
    UPDATE announced
       SET batch = OLD.batch,
           allocated = (SELECT allocated - OLD.quantity FROM batches WHERE reference = OLD.batch)
     WHERE id = 1;
    UPDATE batches SET allocated = allocated - OLD.quantity WHERE reference = OLD.batch AND open;
    UPDATE batches SET allocated = allocated - OLD.quantity, open = TRUE WHERE reference = OLD.batch AND NOT open;
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
