//! Constraints: what the keys, checks and triggers of a database would refuse, refused here before anything is stored.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use earmark_application::StoreError;
use earmark_domain::{
    BatchRecord, Change, ChangeSet, DispatchRecord, LineKey, LineRecord, LineState, Quantity, Reference, Sku, Units,
};

use super::tables::{Tables, committed};

/// A change set, and the tables it is to be stored in.
struct Proposal<'a> {
    tables: &'a Tables,
    products: BTreeSet<&'a Sku>,
    batches: BTreeMap<&'a Reference, &'a BatchRecord>,
    lines: BTreeMap<&'a LineKey, &'a LineRecord>,
}

impl Tables {
    /// Checks a change set against the tables.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for a version that has moved or a key that is taken; [`StoreError::Corrupt`] for a
    /// change that would break a rule: a batch holding more than its quantity, or a row that belongs to nothing.
    pub(super) fn check(&self, changes: &ChangeSet) -> Result<(), StoreError> {
        let mut proposal = Proposal {
            tables: self,
            products: BTreeSet::new(),
            batches: BTreeMap::new(),
            lines: BTreeMap::new(),
        };
        proposal.products(changes)?;
        proposal.batches(changes)?;
        proposal.orders(changes)?;
        proposal.lines(changes)?;
        proposal.units(changes)?;
        proposal.events(changes)?;
        proposal.inbox(changes)
    }
}

fn conflict_unless(holds: bool) -> Result<(), StoreError> {
    if holds { Ok(()) } else { Err(StoreError::Conflict) }
}

impl<'a> Proposal<'a> {
    fn products(&mut self, changes: &'a ChangeSet) -> Result<(), StoreError> {
        for change in &changes.products {
            let current = self.tables.products.get(&change.record.sku).map(|p| p.record.version);
            conflict_unless(current == change.read_version)?;
            conflict_unless(self.products.insert(&change.record.sku))?;
        }
        Ok(())
    }

    fn product_exists(&self, sku: &Sku) -> Result<(), StoreError> {
        if self.products.contains(sku) || self.tables.products.contains_key(sku) {
            return Ok(());
        }
        Err(StoreError::Corrupt(format!(
            "there is no product {sku} to store this under"
        )))
    }

    fn batches(&mut self, changes: &'a ChangeSet) -> Result<(), StoreError> {
        for change in &changes.batches {
            let record = change.value();
            let stored = self.tables.batches.get(&record.reference);
            conflict_unless(match change {
                Change::New(_) => stored.is_none(),
                Change::Changed(_) => stored.is_some_and(|batch| batch.record.sku == record.sku),
            })?;
            self.product_exists(&record.sku)?;
            conflict_unless(self.batches.insert(&record.reference, record).is_none())?;
        }
        Ok(())
    }

    fn orders(&self, changes: &ChangeSet) -> Result<(), StoreError> {
        let mut seen = BTreeSet::new();
        for change in &changes.orders {
            let id = &change.value().id;
            let current = self.tables.orders.contains_key(id);
            conflict_unless(current == matches!(change, Change::Changed(_)) && seen.insert(id))?;
        }
        Ok(())
    }

    fn lines(&mut self, changes: &'a ChangeSet) -> Result<(), StoreError> {
        for change in &changes.lines {
            let record = change.value();
            let stored = self.tables.line(&record.terms.key);
            conflict_unless(match change {
                Change::New(_) => stored.is_none(),
                Change::Changed(_) => stored.is_some_and(|line| line.record.sku == record.sku),
            })?;
            self.product_exists(&record.sku)?;
            check_deadline(record)?;
            conflict_unless(self.lines.insert(&record.terms.key, record).is_none())?;
        }
        Ok(())
    }

    /// The batch as it will be, with `allocated` and `dispatched` as they are.
    fn batch(&self, reference: &Reference) -> Result<BatchRecord, StoreError> {
        let stored = self.tables.batches.get(reference).map(|batch| &batch.record);
        match (self.batches.get(reference), stored) {
            (Some(proposed), Some(stored)) => Ok(BatchRecord {
                quantity: proposed.quantity,
                ..stored.clone()
            }),
            (Some(proposed), None) => Ok(BatchRecord {
                allocated: Units::ZERO,
                dispatched: Units::ZERO,
                ..(*proposed).clone()
            }),
            (None, Some(stored)) => Ok(stored.clone()),
            (None, None) => Err(StoreError::Corrupt(format!("there is no batch {reference}"))),
        }
    }

    fn sku_of_line(&self, key: &LineKey) -> Result<&Sku, StoreError> {
        let proposed = self.lines.get(key).map(|record| &record.sku);
        proposed
            .or_else(|| self.tables.line(key).map(|line| &line.record.sku))
            .ok_or_else(|| StoreError::Corrupt(format!("there is no line {key}")))
    }

    /// Units that are released and allocated, and units that are dispatched and returned.
    fn units(&self, changes: &'a ChangeSet) -> Result<(), StoreError> {
        let mut sums = Sums {
            proposal: self,
            batches: BTreeMap::new(),
        };
        for reference in self.batches.keys() {
            sums.batch(reference)?;
        }

        let mut released = BTreeSet::new();
        for allocation in &changes.released {
            let stored = self.tables.line(&allocation.key);
            conflict_unless(stored.is_some_and(|line| line.allocations.contains(allocation)))?;
            conflict_unless(released.insert((&allocation.key, &allocation.batch)))?;
            let batch = sums.batch(&allocation.batch)?;
            batch.allocated = subtract(batch.allocated, allocation.quantity)?;
        }
        let mut returned = BTreeSet::new();
        for dispatch in &changes.returned {
            let stored = self.tables.line(&dispatch.key);
            conflict_unless(stored.is_some_and(|line| line.dispatches.contains(dispatch)))?;
            conflict_unless(returned.insert((&dispatch.key, &dispatch.batch, dispatch.dispatched_version)))?;
            let batch = sums.batch(&dispatch.batch)?;
            batch.dispatched = subtract(batch.dispatched, dispatch.quantity)?;
        }

        let mut earmarked = BTreeSet::new();
        for allocation in &changes.earmarked {
            let at = (&allocation.key, &allocation.batch);
            let stored = self.tables.line(&allocation.key);
            let exists = stored.is_some_and(|line| line.allocations.iter().any(|held| held.batch == allocation.batch));
            conflict_unless((!exists || released.contains(&at)) && earmarked.insert(at))?;
            let batch = sums.batch_for(&allocation.key, &allocation.batch)?;
            batch.allocated = add(batch.allocated, allocation.quantity, &allocation.batch)?;
        }
        let mut dispatched = BTreeSet::new();
        for dispatch in &changes.dispatched {
            let at = (&dispatch.key, &dispatch.batch, dispatch.dispatched_version);
            let stored = self.tables.line(&dispatch.key);
            let is_same = |other: &DispatchRecord| (&other.batch, other.dispatched_version) == (at.1, at.2);
            let exists = stored.is_some_and(|line| line.dispatches.iter().any(is_same));
            conflict_unless((!exists || returned.contains(&at)) && dispatched.insert(at))?;
            let batch = sums.batch_for(&dispatch.key, &dispatch.batch)?;
            batch.dispatched = add(batch.dispatched, dispatch.quantity, &dispatch.batch)?;
        }

        let mut batches = sums.batches.values();
        match batches.find(|batch| batch.quantity.units() < committed(batch)) {
            Some(batch) => Err(overfull(&batch.reference)),
            None => Ok(()),
        }
    }

    fn events(&self, changes: &ChangeSet) -> Result<(), StoreError> {
        let mut versions: BTreeMap<&Sku, u64> = BTreeMap::new();
        for (sku, version) in changes.events.iter().filter_map(|event| event.product()) {
            self.product_exists(sku)?;
            let last = versions.get(sku).copied().unwrap_or_else(|| self.last_version(sku));
            conflict_unless(version > last)?;
            versions.insert(sku, version);
        }
        Ok(())
    }

    /// Messages that were not processed before.
    fn inbox(&self, changes: &ChangeSet) -> Result<(), StoreError> {
        let mut new = BTreeSet::new();
        for message in &changes.inbox {
            conflict_unless(!self.tables.inbox.contains(&message.id) && new.insert(&message.id))?;
        }
        Ok(())
    }

    /// The version of a product's latest event; 0 before the first.
    fn last_version(&self, sku: &Sku) -> u64 {
        let sequence = self.tables.products.get(sku).and_then(|product| product.events.last());
        sequence
            .and_then(|sequence| self.tables.event(*sequence))
            .and_then(|stored| stored.event.product())
            .map_or(0, |(_, version)| version)
    }
}

/// Batches with the sums as they will be.
struct Sums<'p, 'a> {
    proposal: &'p Proposal<'a>,
    batches: BTreeMap<&'a Reference, BatchRecord>,
}

impl<'a> Sums<'_, 'a> {
    fn batch(&mut self, reference: &'a Reference) -> Result<&mut BatchRecord, StoreError> {
        Ok(match self.batches.entry(reference) {
            Entry::Occupied(batch) => batch.into_mut(),
            Entry::Vacant(place) => place.insert(self.proposal.batch(reference)?),
        })
    }

    /// A batch in which units of a line are allocated, or from which they are dispatched.
    fn batch_for(&mut self, key: &LineKey, reference: &'a Reference) -> Result<&mut BatchRecord, StoreError> {
        let wanted = self.proposal.sku_of_line(key)?.clone();
        let batch = self.batch(reference)?;
        if wanted == batch.sku {
            return Ok(batch);
        }
        Err(StoreError::Corrupt(format!(
            "line {key} wants another product than batch {reference} is of"
        )))
    }
}

fn subtract(sum: Units, quantity: Quantity) -> Result<Units, StoreError> {
    sum.checked_sub(quantity.units()).ok_or(StoreError::Conflict)
}

fn add(sum: Units, quantity: Quantity, batch: &Reference) -> Result<Units, StoreError> {
    sum.checked_add(quantity.units()).ok_or_else(|| overfull(batch))
}

/// A held line has a deadline, and only held and waiting lines have one.
fn check_deadline(line: &LineRecord) -> Result<(), StoreError> {
    let fits = match line.state {
        LineState::Held => line.terms.hold_until.is_some(),
        LineState::Backordered => true,
        _ => line.terms.hold_until.is_none(),
    };
    if fits {
        return Ok(());
    }
    let state = line.state.as_str();
    Err(StoreError::Corrupt(format!(
        "line {} can't be {state} with the deadline {:?}",
        line.terms.key, line.terms.hold_until
    )))
}

fn overfull(reference: &Reference) -> StoreError {
    StoreError::Corrupt(format!("batch {reference} would hold more than its quantity"))
}
