-- Takes the books away, with all that is in them. Their triggers and indexes go with the tables; dropping a table fires
-- no trigger.
DROP TABLE events;
DROP TABLE allocations;
DROP TABLE announced;
DROP TABLE lines;
DROP TABLE orders;
DROP TABLE batches;
DROP TABLE products;
