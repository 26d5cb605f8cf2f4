-- Back to allocations that all stand apart, and to events that all say which order they concern.
DROP VIEW allocations;
DROP TRIGGER allocations_are_apart;

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
    CONSTRAINT events_sku_version UNIQUE (sku, version),
    CONSTRAINT events_product_is_whole CHECK ((sku IS NULL) = (version IS NULL))
) STRICT;
INSERT INTO events_as_facts
SELECT sequence, sku, version, CASE WHEN type = 'Allocated' THEN coalesce(order_id, data ->> 'order_id') ELSE order_id END,
       type, occurred_at, actor, correlation_id, data
  FROM events
 ORDER BY sequence;
DROP TABLE events;
ALTER TABLE events_as_facts RENAME TO events;
CREATE INDEX events_order ON events (order_id) WHERE order_id IS NOT NULL;
CREATE TRIGGER events_are_never_altered BEFORE UPDATE ON events BEGIN
    SELECT RAISE (ABORT, 'events refuses UPDATE: events are facts');
END;
CREATE TRIGGER events_are_never_removed BEFORE DELETE ON events BEGIN
    SELECT RAISE (ABORT, 'events refuses DELETE: events are facts');
END;
DROP TABLE events_of_products;
DROP TABLE filing;

CREATE TEMPORARY TABLE kept AS
SELECT order_id, line_id, batch, units, claim, placed_at FROM lines WHERE batch IS NOT NULL;
UPDATE lines SET batch = NULL, units = NULL WHERE batch IS NOT NULL;
ALTER TABLE further_allocations RENAME TO allocations;
INSERT INTO allocations (order_id, line_id, batch, quantity, allocated_at, claim)
SELECT order_id, line_id, batch, units, placed_at, claim FROM kept;
DROP TABLE kept;

DROP TRIGGER lines_earmark;
DROP TRIGGER lines_release;
DROP TRIGGER lines_keep_their_units;
DROP TRIGGER lines_stay;
DROP TRIGGER batches_stay;
DROP TRIGGER batches_keep_their_reference;
DROP TABLE lines_in_batches;
ALTER TABLE lines DROP COLUMN units;
ALTER TABLE lines DROP COLUMN batch;
ALTER TABLE lines DROP COLUMN claim;
ALTER TABLE lines DROP COLUMN told;
