-- Brings back what was said once a row.
DROP FUNCTION place_lines;
DROP TRIGGER batches_allocated_follows ON batches;
CREATE TRIGGER batches_allocated_follows BEFORE UPDATE ON batches
    FOR EACH ROW WHEN (NEW.allocated <> OLD.allocated AND pg_trigger_depth() = 0)
    EXECUTE FUNCTION refuse_to_change('allocated follows from the allocations');
DROP TRIGGER lines_keep_their_key ON lines;
DROP TRIGGER batches_keep_their_reference ON batches;
DROP TRIGGER products_keep_their_sku ON products;
DROP TRIGGER lines_stay ON lines;
DROP TRIGGER batches_stay ON batches;
DROP TRIGGER products_stay ON products;
ALTER TABLE allocations
    ADD CONSTRAINT allocations_order_id_line_id_fkey FOREIGN KEY (order_id, line_id) REFERENCES lines (order_id, line_id);
ALTER TABLE allocations ADD CONSTRAINT allocations_batch_fkey FOREIGN KEY (batch) REFERENCES batches (reference);
ALTER TABLE lines ADD CONSTRAINT lines_sku_fkey FOREIGN KEY (sku) REFERENCES products (sku);
CREATE INDEX lines_sku ON lines (sku);

CREATE OR REPLACE FUNCTION allocations_are_earmarked() RETURNS trigger LANGUAGE plpgsql
SET enable_seqscan = off SET enable_indexscan = off AS $$
BEGIN
    UPDATE batches
       SET allocated = batches.allocated + sums.units
      FROM (SELECT batch, sum(quantity)::bigint AS units FROM earmarked GROUP BY batch) AS sums
     WHERE batches.reference = sums.batch
       AND batches.reference = ANY (ARRAY(SELECT batch FROM earmarked));
    RETURN NULL;
END
$$;
