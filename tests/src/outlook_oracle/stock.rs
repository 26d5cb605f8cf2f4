//! Late batches, their lines, and open stock.

use earmark_application::{Hits, LateBatch, LineOfBatch, LineRead};
use earmark_domain::{BatchRecord, BatchView, Hit, LineInBatch, OpenStock, Sku};

use super::{Books, count, days};

impl Books {
    /// The batches of a product with something available, in preference order.
    pub(super) fn open_stock(&self, sku: &Sku) -> OpenStock {
        let free = |batch: &&BatchRecord| {
            batch.sku == *sku && batch.allocated.get() + batch.dispatched.get() < batch.quantity.units().get()
        };
        let mut batches: Vec<BatchRecord> = self.batches.iter().filter(free).cloned().collect();
        batches.sort_by_key(|batch| (batch.eta, batch.ordinal));
        OpenStock {
            product: self.products[sku].clone(),
            batches,
            until: None,
        }
    }

    pub(super) fn lines_of_batch(&self, batch: &BatchRecord) -> Vec<LineOfBatch> {
        let lines = self.in_batch(&batch.reference);
        let given: Vec<LineInBatch> = lines
            .iter()
            .map(|(line, _)| LineInBatch {
                record: line.record.clone(),
                parts: line.allocations.clone(),
            })
            .collect();
        let stock = self.open_stock(&batch.sku);
        let hits = stock.whom_it_hits(&batch.reference, &given, self.promising, (self.now, self.today));
        let item = |((line, units), told): ((&LineRead, u64), Hit)| {
            let promise = line.record.promise;
            let required_by = line.record.terms.precedence.required_by();
            let counted_on = required_by.or(promise.first_on).or(promise.on);
            let leaves = self.leave(line).expect("it has units");
            let hit = match (counted_on, told) {
                (None, _) => Hit::Slack(0),
                (Some(by), _) if leaves <= by => Hit::Slack(days(leaves, by)),
                (Some(_), Hit::Movable(parts)) => {
                    let wanted: u64 = parts.iter().map(|part| u64::from(part.quantity.get())).sum();
                    assert_eq!(wanted, units, "all of its units move");
                    assert!(
                        parts.iter().all(|part| part.batch != batch.reference),
                        "they leave the batch"
                    );
                    Hit::Movable(parts)
                }
                (Some(by), _) => Hit::Hurt(days(by, leaves)),
            };
            LineOfBatch {
                line: line.clone().view(self.now, self.today),
                units: earmark_domain::Quantity::new(i128::from(units)).expect("a quantity"),
                counted_on,
                hit: Some(hit),
            }
        };
        lines.into_iter().zip(hits).map(item).collect()
    }

    pub(super) fn late_batches(&self) -> Vec<LateBatch> {
        let is_late = |batch: &&BatchRecord| {
            let put_off = batch.created_eta.is_some() && batch.eta > batch.created_eta;
            !batch.closed && batch.eta.is_some() && (self.is_overdue(batch) || put_off)
        };
        let mut late: Vec<&BatchRecord> = self.batches.iter().filter(is_late).collect();
        late.sort_by_key(|batch| (batch.eta, &batch.sku, &batch.reference));
        let item = |batch: &BatchRecord| {
            let mut hits = Hits::default();
            for line in self.lines_of_batch(batch) {
                let counted = match line.hit {
                    Some(Hit::Hurt(_)) => &mut hits.hurt,
                    Some(Hit::Movable(_)) => &mut hits.movable,
                    _ => &mut hits.slack,
                };
                count(counted, u64::from(line.units.get()));
            }
            LateBatch {
                batch: BatchView::of(batch.clone(), self.products[&batch.sku].version),
                leaves_on: self.leaves(batch.eta),
                hits,
            }
        };
        late.into_iter().map(item).collect()
    }
}
