-- Fewer pages to write for each line that is placed.

-- What nearly every line is placed with, units of one batch, stands in the line itself, and the line says which event
-- told of it: a row and two entries in indexes less.

-- `batch` and `units`: what the line was placed with, for as long as it holds it. `claim`: how strong its claim to them is.
-- It has them since it was placed. `told`: the sequence of the event which tells that it was placed. That event has no
-- order_id: it is found by its line, and needs no entry among the events of its order.
ALTER TABLE lines ADD COLUMN batch TEXT;
ALTER TABLE lines ADD COLUMN units INTEGER CHECK (
    CASE WHEN batch IS NULL THEN units IS NULL ELSE coalesce(units, 0) BETWEEN 1 AND quantity END
);
ALTER TABLE lines ADD COLUMN claim INTEGER NOT NULL DEFAULT 0;
ALTER TABLE lines ADD COLUMN told INTEGER;

-- Two ways to find what is stored by product or by batch would each cost every line that is placed a page of its own,
-- somewhere among all products. Their entries are filed later, many at a time and in the order of their keys, so that the
-- entries of a product share a page. Until then they are found by looking through the newest events.
--
-- The last event whose entries are filed, and with it those of all before it. Some after it may be.
CREATE TABLE filing (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    until INTEGER NOT NULL
) STRICT;
INSERT INTO filing (id, until) SELECT 1, coalesce(max(sequence), 0) FROM events;

-- The events of a product, by version. A constraint would want an entry at once: the table is made anew without.
CREATE TABLE events_of_products (
    sku TEXT NOT NULL,
    version INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    PRIMARY KEY (sku, version)
) STRICT, WITHOUT ROWID;
INSERT INTO events_of_products SELECT sku, version, sequence FROM events WHERE sku IS NOT NULL ORDER BY sku, version;

CREATE TABLE events_as_facts (
    sequence INTEGER NOT NULL PRIMARY KEY,
    sku TEXT,
    version INTEGER,
    order_id TEXT,
    type TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    correlation_id TEXT NOT NULL,
    data TEXT NOT NULL,
    CONSTRAINT events_product_is_whole CHECK ((sku IS NULL) = (version IS NULL))
) STRICT;
INSERT INTO events_as_facts SELECT * FROM events ORDER BY sequence;
DROP TABLE events;
ALTER TABLE events_as_facts RENAME TO events;
CREATE INDEX events_order ON events (order_id) WHERE order_id IS NOT NULL;
CREATE TRIGGER events_are_never_altered BEFORE UPDATE ON events BEGIN
    SELECT RAISE (ABORT, 'events refuses UPDATE: events are facts');
END;
CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events BEGIN
    SELECT RAISE (ABORT, 'events refuses DELETE: events are facts');
END;

-- The lines that have units of a batch themselves: who leaves it first, as among the further allocations. `since`: when
-- the line was placed. It is read backwards.
CREATE TABLE lines_in_batches (
    batch TEXT NOT NULL,
    claim INTEGER NOT NULL,
    since INTEGER NOT NULL,
    order_id TEXT NOT NULL,
    line_id TEXT NOT NULL,
    PRIMARY KEY (batch, claim DESC, since, order_id, line_id)
) STRICT, WITHOUT ROWID;

-- The allocations of a line beyond those, and all of a line that waited, moved or was changed. The name of the table was
-- theirs alone; from now on it is that of both.
ALTER TABLE allocations RENAME TO further_allocations;
CREATE VIEW allocations AS
SELECT order_id, line_id, batch, quantity, allocated_at, claim FROM further_allocations
UNION ALL
SELECT order_id, line_id, batch, units, placed_at, claim FROM lines WHERE batch IS NOT NULL;

-- What a batch has allocated is the sum of both, by the same means. That there is such a batch is asked here, too: a
-- column with a foreign key can't be taken away again.
CREATE TRIGGER lines_earmark AFTER INSERT ON lines WHEN NEW.batch IS NOT NULL BEGIN
    UPDATE announced
       SET batch = NEW.batch,
           allocated = coalesce(
               (SELECT CASE WHEN allocated + dispatched + NEW.units <= quantity THEN allocated + NEW.units
                       ELSE RAISE (ABORT, 'batches refuses UPDATE: a batch holds what is committed') END
                  FROM batches WHERE reference = NEW.batch),
               RAISE (ABORT, 'lines refuses INSERT: there is no such batch')
           )
     WHERE id = 1;
    UPDATE batches SET allocated = allocated + NEW.units, open = FALSE
     WHERE reference = NEW.batch AND allocated + dispatched + NEW.units = quantity;
    UPDATE batches SET allocated = allocated + NEW.units
     WHERE reference = NEW.batch AND allocated + dispatched + NEW.units < quantity;
END;

-- A line lets its units go as a whole, and gets no others.
CREATE TRIGGER lines_release AFTER UPDATE OF batch ON lines WHEN OLD.batch IS NOT NULL AND NEW.batch IS NULL BEGIN
    UPDATE announced
       SET batch = OLD.batch,
           allocated = (SELECT allocated - OLD.units FROM batches WHERE reference = OLD.batch)
     WHERE id = 1;
    DELETE FROM lines_in_batches
     WHERE batch = OLD.batch AND claim = OLD.claim AND since = OLD.placed_at
       AND order_id = OLD.order_id AND line_id = OLD.line_id;
    UPDATE batches SET allocated = allocated - OLD.units WHERE reference = OLD.batch AND open;
    UPDATE batches SET allocated = allocated - OLD.units, open = TRUE WHERE reference = OLD.batch AND NOT open;
END;

CREATE TRIGGER lines_keep_their_units BEFORE UPDATE OF batch, units, claim, placed_at ON lines
WHEN NEW.batch IS NOT NULL
    AND (NEW.batch IS NOT OLD.batch OR NEW.units IS NOT OLD.units OR NEW.claim <> OLD.claim
         OR NEW.placed_at <> OLD.placed_at)
BEGIN
    SELECT RAISE (ABORT, 'lines refuses UPDATE: a line lets its units go, and gets others apart');
END;

-- A batch is named once for a line, in it or apart.
CREATE TRIGGER allocations_are_apart BEFORE INSERT ON further_allocations
WHEN EXISTS (
    SELECT 1 FROM lines WHERE order_id = NEW.order_id AND line_id = NEW.line_id AND batch = NEW.batch
)
BEGIN
    SELECT RAISE (ABORT, 'allocations refuses INSERT: the line has units of that batch itself');
END;

-- What a foreign key would say of the batch that a line has units of: what others refer to stays.
CREATE TRIGGER batches_stay BEFORE DELETE ON batches BEGIN
    SELECT RAISE (ABORT, 'batches refuses DELETE: batches stay');
END;
CREATE TRIGGER batches_keep_their_reference BEFORE UPDATE OF reference ON batches
WHEN NEW.reference <> OLD.reference BEGIN
    SELECT RAISE (ABORT, 'batches refuses UPDATE: a reference stays');
END;
CREATE TRIGGER lines_stay BEFORE DELETE ON lines BEGIN
    SELECT RAISE (ABORT, 'lines refuses DELETE: lines stay');
END;
