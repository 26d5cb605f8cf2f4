-- Batches are looked up all at once again.
CREATE OR REPLACE FUNCTION lines_are_earmarked() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_indexscan = off AS $$
DECLARE
    astray bigint;
BEGIN
    WITH sums AS MATERIALIZED (
        SELECT batch, sum(units)::bigint AS units FROM placed WHERE batch IS NOT NULL GROUP BY batch
    ), changed AS (
        UPDATE batches SET allocated = batches.allocated + sums.units FROM sums
         WHERE batches.reference = sums.batch AND batches.reference = ANY (ARRAY(SELECT batch FROM sums))
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM sums) - (SELECT count(*) FROM changed) INTO astray;
    IF astray <> 0 THEN
        RAISE EXCEPTION 'lines refuses INSERT: there is no such batch' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END
$$;
