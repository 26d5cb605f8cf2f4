DROP FUNCTION place_lines;
DROP VIEW allocations;
DROP TABLE access_log, sessions, access_keys, dead_messages, inbox, idempotency_keys, dead_letters, subscriptions, epochs, books, events, dispatches, further_allocations, lines, orders, batches, products;
DROP SEQUENCE events_sequence;
DROP FUNCTION further_allocations_add, further_allocations_subtract, lines_add, lines_subtract, dispatches_add,
    dispatches_subtract, refuse_to_change, line_is_sound, batch_is_sound;

-- The extension goes, unless something else uses it, or somebody else owns it.
DO $$ BEGIN
    DROP EXTENSION IF EXISTS pg_trgm;
EXCEPTION WHEN insufficient_privilege OR dependent_objects_still_exist THEN
    RAISE NOTICE 'pg_trgm stays: %', SQLERRM;
END $$;
