//! The outlook: what planners ask of all products at once.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use earmark_application::{
    BatchRead, Counted, DueList, DuePlace, EndingHolds, EtaPlace, LineRead, Outlook, PlacedBetween, PlacedPlace,
    StoreError,
};
use earmark_domain::{
    BatchRecord, LineRecord, LineState, OpenStock, Reference, ReleasePosition, Sku, Units, is_overdue,
};
use jiff::Timestamp;
use jiff::civil::Date;

use super::memory_store::MemoryStore;
use super::tables::{StoredLine, Tables};

/// The place of a line among those that are required by a day.
fn due_place(record: &LineRecord) -> Option<DuePlace> {
    Some(DuePlace {
        required_by: record.terms.precedence.required_by()?,
        key: record.terms.key.clone(),
    })
}

fn placed_place(record: &LineRecord) -> PlacedPlace {
    PlacedPlace {
        placed_at: record.terms.placed_at,
        key: record.terms.key.clone(),
    }
}

fn eta_place(record: &BatchRecord) -> Option<EtaPlace> {
    Some(EtaPlace {
        eta: record.eta?,
        sku: record.sku.clone(),
        reference: record.reference.clone(),
    })
}

impl Tables {
    fn all_lines(&self) -> impl Iterator<Item = &StoredLine> {
        self.lines.values().flat_map(|lines| lines.values())
    }

    /// The lines that wait at an instant and were placed between two, in the order in which they were placed.
    fn placed_and_waiting(&self, placed: PlacedBetween, now: Timestamp) -> Vec<(PlacedPlace, &StoredLine)> {
        let waiting = self.all_lines().filter(|line| {
            let placed_at = line.record.terms.placed_at;
            line.record.state_at(now) == LineState::Backordered
                && placed.from.is_none_or(|from| placed_at >= from)
                && placed.before.is_none_or(|before| placed_at < before)
        });
        let mut waiting: Vec<_> = waiting.map(|line| (placed_place(&line.record), line)).collect();
        waiting.sort_by(|(a, _), (b, _)| (a.placed_at, &a.key).cmp(&(b.placed_at, &b.key)));
        waiting
    }
}

#[async_trait]
impl Outlook for MemoryStore {
    async fn due_lines(
        &self,
        list: DueList,
        after: Option<&DuePlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError> {
        let tables = self.tables()?;
        let is_listed = |line: &LineRecord| match list {
            DueList::PromisedLate => line.state_at(now).holds_units() && line.promise.due_by.is_none(),
            DueList::Waiting(until) => {
                let required_by = line.terms.precedence.required_by();
                line.state_at(now) == LineState::Backordered && required_by.is_some_and(|day| day <= until)
            }
        };
        let listed = tables.all_lines().filter(|line| is_listed(&line.record));
        let mut listed: Vec<_> = listed
            .filter_map(|line| Some((due_place(&line.record)?, line)))
            .collect();
        listed.sort_by(|(a, _), (b, _)| (a.required_by, &a.key).cmp(&(b.required_by, &b.key)));
        let is_behind = |place: &DuePlace| {
            after.is_none_or(|after| (place.required_by, &place.key) > (after.required_by, &after.key))
        };
        let behind = listed.into_iter().filter(|(place, _)| is_behind(place));
        Ok(behind.take(limit).map(|(_, line)| tables.read_line(line)).collect())
    }

    async fn waiting_lines(
        &self,
        placed: PlacedBetween,
        after: Option<&PlacedPlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError> {
        let tables = self.tables()?;
        let waiting = tables.placed_and_waiting(placed, now).into_iter();
        let behind = waiting.filter(|(place, _)| {
            after.is_none_or(|after| (place.placed_at, &place.key) > (after.placed_at, &after.key))
        });
        Ok(behind.take(limit).map(|(_, line)| tables.read_line(line)).collect())
    }

    async fn count_waiting_lines(
        &self,
        placed: PlacedBetween,
        now: Timestamp,
        most: usize,
    ) -> Result<Counted, StoreError> {
        let tables = self.tables()?;
        let waiting = tables.placed_and_waiting(placed, now);
        let counted = waiting.iter().take(most);
        Ok(Counted {
            lines: counted.len() as u64,
            units: counted.map(|(_, line)| line.record.terms.quantity.units()).sum(),
        })
    }

    async fn late_batches(
        &self,
        today: Date,
        after: Option<&EtaPlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<BatchRead>, StoreError> {
        let tables = self.tables()?;
        let late = tables.batches.values().filter(|batch| {
            let record = &batch.record;
            let is_put_off = record
                .created_eta
                .zip(record.eta)
                .is_some_and(|(first, now)| now > first);
            !record.closed && (is_overdue(record.eta, today) || is_put_off)
        });
        let mut late: Vec<_> = late
            .filter_map(|batch| Some((eta_place(&batch.record)?, batch)))
            .collect();
        let key = |place: &EtaPlace| (place.eta, place.sku.clone(), place.reference.clone());
        late.sort_by_key(|(place, _)| key(place));
        let behind = late
            .into_iter()
            .filter(|(place, _)| after.is_none_or(|after| key(place) > key(after)));
        let read = behind.filter_map(|(_, batch)| tables.read_batch(batch, now));
        Ok(read.take(limit).collect())
    }

    async fn lines_in_batch(
        &self,
        batch: &Reference,
        after: Option<&ReleasePosition>,
        limit: usize,
    ) -> Result<Vec<(ReleasePosition, LineRead)>, StoreError> {
        let tables = self.tables()?;
        let Some(batch) = tables.batches.get(batch) else {
            return Ok(Vec::new());
        };
        let last_first = batch.held.keys().rev();
        let behind = last_first.filter(|position| after.is_none_or(|after| *position < after));
        let lines = behind.filter_map(|position| {
            let line = tables.line(&position.line.key)?;
            Some((position.clone(), tables.read_line(line)))
        });
        Ok(lines.take(limit).collect())
    }

    async fn open_stock(
        &self,
        skus: &BTreeSet<Sku>,
        now: Timestamp,
        batches: usize,
    ) -> Result<Vec<OpenStock>, StoreError> {
        let tables = self.tables()?;
        let products = skus.iter().filter_map(|sku| tables.products.get(sku));
        let open = products.map(|product| {
            let mut open = tables.batches_at(product, now);
            open.retain(|batch| !batch.available().is_zero());
            let more = open.len() > batches;
            open.truncate(batches);
            OpenStock {
                product: product.record.clone(),
                until: open.last().filter(|_| more).map(BatchRecord::preference),
                batches: open,
            }
        });
        Ok(open.collect())
    }

    async fn ending_holds(
        &self,
        now: Timestamp,
        until: &[Timestamp],
        after: Option<&Sku>,
        limit: usize,
    ) -> Result<Vec<EndingHolds>, StoreError> {
        let tables = self.tables()?;
        let mut ending: BTreeMap<Sku, EndingHolds> = BTreeMap::new();
        for line in tables.all_lines() {
            let record = &line.record;
            let Some(deadline) = record.terms.hold_until.filter(|deadline| *deadline > now) else {
                continue;
            };
            let is_last = until.last().is_some_and(|last| deadline <= *last);
            if record.state != LineState::Held || !is_last || after.is_some_and(|after| record.sku <= *after) {
                continue;
            }
            let holds = ending.entry(record.sku.clone()).or_insert_with(|| EndingHolds {
                sku: record.sku.clone(),
                first: deadline,
                units: until.iter().map(|_| Units::ZERO).collect(),
            });
            holds.first = holds.first.min(deadline);
            for (units, until) in holds.units.iter_mut().zip(until) {
                if deadline <= *until {
                    *units = [*units, record.terms.quantity.units()].into_iter().sum();
                }
            }
        }
        Ok(ending.into_values().take(limit).collect())
    }

    async fn held_units(&self, sku: &Sku, now: Timestamp) -> Result<Vec<(Reference, Units)>, StoreError> {
        let tables = self.tables()?;
        let mut held: BTreeMap<Reference, Units> = BTreeMap::new();
        let lines = tables.all_lines().filter(|line| line.record.sku == *sku);
        for line in lines.filter(|line| line.record.state_at(now) == LineState::Held) {
            for allocation in &line.allocations {
                let units = held.entry(allocation.batch.clone()).or_default();
                *units = [*units, allocation.quantity.units()].into_iter().sum();
            }
        }
        Ok(held.into_iter().collect())
    }
}
