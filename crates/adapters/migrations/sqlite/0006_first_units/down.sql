-- Back to allocations that all stand apart, and to events that all say which order they concern.
DROP VIEW allocations;
DROP TRIGGER allocations_are_apart;

DROP TRIGGER events_are_never_altered;
UPDATE events SET order_id = data ->> 'order_id' WHERE order_id IS NULL AND type = 'Allocated';
CREATE TRIGGER events_are_never_altered BEFORE UPDATE ON events BEGIN
    SELECT RAISE (ABORT, 'events refuses UPDATE: events are facts');
END;

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
DROP INDEX lines_release;
ALTER TABLE lines DROP COLUMN units;
ALTER TABLE lines DROP COLUMN batch;
ALTER TABLE lines DROP COLUMN claim;
ALTER TABLE lines DROP COLUMN told;
