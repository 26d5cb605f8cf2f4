//! What a database's keys and constraints would refuse, refused here before anything is stored.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use earmark_application::StoreError;
use earmark_domain::{BatchRecord, Change, ChangeSet, LineKey, LineRecord, LineState, Quantity, Reference, Sku, Units};

use super::books::{Books, committed};

/// A change set beside the books it is to go into.
struct Proposal<'a> {
    books: &'a Books,
    products: BTreeSet<&'a Sku>,
    batches: BTreeMap<&'a Reference, &'a BatchRecord>,
    lines: BTreeMap<&'a LineKey, &'a LineRecord>,
}

impl Books {
    /// Holds a change set against the books as they stand.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] for a version or a key that says otherwise; [`StoreError::Corrupt`] for a change that
    /// would break a rule: a batch holding more than its quantity, or a row that belongs to nothing.
    pub(super) fn check(&self, changes: &ChangeSet) -> Result<(), StoreError> {
        let mut proposal = Proposal {
            books: self,
            products: BTreeSet::new(),
            batches: BTreeMap::new(),
            lines: BTreeMap::new(),
        };
        proposal.products(changes)?;
        proposal.batches(changes)?;
        proposal.orders(changes)?;
        proposal.lines(changes)?;
        proposal.units(changes)?;
        proposal.events(changes)
    }
}

fn unless_conflict(holds: bool) -> Result<(), StoreError> {
    if holds { Ok(()) } else { Err(StoreError::Conflict) }
}

impl<'a> Proposal<'a> {
    fn products(&mut self, changes: &'a ChangeSet) -> Result<(), StoreError> {
        for change in &changes.products {
            let stands = self.books.products.get(&change.record.sku).map(|p| p.record.version);
            unless_conflict(stands == change.read_version)?;
            unless_conflict(self.products.insert(&change.record.sku))?;
        }
        Ok(())
    }

    fn product_exists(&self, sku: &Sku) -> Result<(), StoreError> {
        if self.products.contains(sku) || self.books.products.contains_key(sku) {
            return Ok(());
        }
        Err(StoreError::Corrupt(format!(
            "there is no product {sku} to store this under"
        )))
    }

    fn batches(&mut self, changes: &'a ChangeSet) -> Result<(), StoreError> {
        for change in &changes.batches {
            let record = change.value();
            let stored = self.books.batches.get(&record.reference);
            unless_conflict(match change {
                Change::New(_) => stored.is_none(),
                Change::Changed(_) => stored.is_some_and(|batch| batch.record.sku == record.sku),
            })?;
            self.product_exists(&record.sku)?;
            unless_conflict(self.batches.insert(&record.reference, record).is_none())?;
        }
        Ok(())
    }

    fn orders(&self, changes: &ChangeSet) -> Result<(), StoreError> {
        let mut seen = BTreeSet::new();
        for change in &changes.orders {
            let id = &change.value().id;
            let stands = self.books.orders.contains_key(id);
            unless_conflict(stands == matches!(change, Change::Changed(_)) && seen.insert(id))?;
        }
        Ok(())
    }

    fn lines(&mut self, changes: &'a ChangeSet) -> Result<(), StoreError> {
        for change in &changes.lines {
            let record = change.value();
            let stored = self.books.line(&record.terms.key);
            unless_conflict(match change {
                Change::New(_) => stored.is_none(),
                Change::Changed(_) => stored.is_some_and(|line| line.record.sku == record.sku),
            })?;
            self.product_exists(&record.sku)?;
            deadline_fits(record)?;
            unless_conflict(self.lines.insert(&record.terms.key, record).is_none())?;
        }
        Ok(())
    }

    /// The batch as it will stand, its `allocated` and `dispatched` still those of the books.
    fn batch(&self, reference: &Reference) -> Result<BatchRecord, StoreError> {
        let stored = self.books.batches.get(reference).map(|batch| &batch.record);
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
            .or_else(|| self.books.line(key).map(|line| &line.record.sku))
            .ok_or_else(|| StoreError::Corrupt(format!("there is no line {key}")))
    }

    /// What leaves batches and what comes into them, and what has left the building and what has not after all.
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
            let stored = self.books.line(&allocation.key);
            unless_conflict(stored.is_some_and(|line| line.allocations.contains(allocation)))?;
            unless_conflict(released.insert((&allocation.key, &allocation.batch)))?;
            let batch = sums.batch(&allocation.batch)?;
            batch.allocated = less(batch.allocated, allocation.quantity)?;
        }
        let mut returned = BTreeSet::new();
        for dispatch in &changes.returned {
            let stored = self.books.line(&dispatch.key);
            unless_conflict(stored.is_some_and(|line| line.dispatches.contains(dispatch)))?;
            unless_conflict(returned.insert((&dispatch.key, &dispatch.batch)))?;
            let batch = sums.batch(&dispatch.batch)?;
            batch.dispatched = less(batch.dispatched, dispatch.quantity)?;
        }

        let mut earmarked = BTreeSet::new();
        for allocation in &changes.earmarked {
            let at = (&allocation.key, &allocation.batch);
            let stored = self.books.line(&allocation.key);
            let stands = stored.is_some_and(|line| line.allocations.iter().any(|held| held.batch == allocation.batch));
            unless_conflict((!stands || released.contains(&at)) && earmarked.insert(at))?;
            let batch = sums.batch_for(&allocation.key, &allocation.batch)?;
            batch.allocated = more(batch.allocated, allocation.quantity, &allocation.batch)?;
        }
        let mut dispatched = BTreeSet::new();
        for dispatch in &changes.dispatched {
            let at = (&dispatch.key, &dispatch.batch);
            let stored = self.books.line(&dispatch.key);
            let stands = stored.is_some_and(|line| line.dispatches.iter().any(|gone| gone.batch == dispatch.batch));
            unless_conflict((!stands || returned.contains(&at)) && dispatched.insert(at))?;
            let batch = sums.batch_for(&dispatch.key, &dispatch.batch)?;
            batch.dispatched = more(batch.dispatched, dispatch.quantity, &dispatch.batch)?;
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
            unless_conflict(version > last)?;
            versions.insert(sku, version);
        }
        Ok(())
    }

    /// The version of a product's latest event; 0 before the first.
    fn last_version(&self, sku: &Sku) -> u64 {
        let sequence = self.books.products.get(sku).and_then(|product| product.events.last());
        sequence
            .and_then(|sequence| self.books.event(*sequence))
            .and_then(|stored| stored.event.product())
            .map_or(0, |(_, version)| version)
    }
}

/// Batches with the sums as they will stand.
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

    /// A batch that units of a line come into, or leave the building from.
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

fn less(sum: Units, quantity: Quantity) -> Result<Units, StoreError> {
    sum.checked_sub(quantity.units()).ok_or(StoreError::Conflict)
}

fn more(sum: Units, quantity: Quantity, batch: &Reference) -> Result<Units, StoreError> {
    sum.checked_add(quantity.units()).ok_or_else(|| overfull(batch))
}

/// A held line has a deadline, and no line has one that neither is held nor waits.
fn deadline_fits(line: &LineRecord) -> Result<(), StoreError> {
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
