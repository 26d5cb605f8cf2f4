-- Takes the books away, with all that is in them.
DROP TABLE events;
DROP SEQUENCE events_sequence;
DROP TABLE allocations;
DROP TABLE lines;
DROP TABLE orders;
DROP TABLE batches;
DROP TABLE products;
DROP FUNCTION allocations_are_earmarked();
DROP FUNCTION allocations_are_released();
DROP FUNCTION refuse_to_change();
