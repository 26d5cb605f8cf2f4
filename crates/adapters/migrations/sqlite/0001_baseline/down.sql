-- Drops everything that is stored. Indexes and triggers go with their tables; dropping a table fires no trigger.
DROP TABLE inbox;
DROP TABLE idempotency_keys;
DROP TABLE deferred_index;
DROP TABLE lines_in_batches;
DROP TABLE events_of_products;
DROP TABLE events;
DROP TABLE dispatches;
DROP VIEW allocations;
DROP TABLE further_allocations;
DROP TABLE expected_dispatched;
DROP TABLE expected_allocated;
DROP TABLE lines;
DROP TABLE orders;
DROP TABLE batches;
DROP TABLE product_ngrams;
DROP TABLE searchable_products;
DROP TABLE products;
PRAGMA application_id = 0;
