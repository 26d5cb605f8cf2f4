-- As before, found another way: one batch after the other by its key, as products are when lines are placed. To look up all
-- keys first and match what was found with the sums takes longer, however many there are.
CREATE OR REPLACE FUNCTION lines_are_earmarked() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    found bigint;
BEGIN
    UPDATE batches SET allocated = batches.allocated + sums.units
      FROM (SELECT batch, sum(units)::bigint AS units FROM placed WHERE batch IS NOT NULL GROUP BY batch) AS sums
     WHERE batches.reference = sums.batch;
    GET DIAGNOSTICS found = ROW_COUNT;
    IF found <> (SELECT count(DISTINCT batch) FROM placed) THEN
        RAISE EXCEPTION 'lines refuses INSERT: there is no such batch' USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END
$$;
