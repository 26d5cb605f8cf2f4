//! What a database's keys and constraints would refuse, refused here before anything is stored.

use std::collections::{BTreeMap, BTreeSet};

use earmark_application::StoreError;
use earmark_domain::{BatchRecord, Change, Changes, LineKey, LineRecord, Reference, Sku};

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
    pub(super) fn check(&self, changes: &Changes) -> Result<(), StoreError> {
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
        proposal.allocations(changes)?;
        proposal.events(changes)
    }
}

fn unless_conflict(holds: bool) -> Result<(), StoreError> {
    if holds { Ok(()) } else { Err(StoreError::Conflict) }
}

impl<'a> Proposal<'a> {
    fn products(&mut self, changes: &'a Changes) -> Result<(), StoreError> {
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

    fn batches(&mut self, changes: &'a Changes) -> Result<(), StoreError> {
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

    fn orders(&self, changes: &Changes) -> Result<(), StoreError> {
        let mut seen = BTreeSet::new();
        for order in &changes.orders {
            unless_conflict(!self.books.orders.contains_key(&order.id) && seen.insert(&order.id))?;
        }
        Ok(())
    }

    fn lines(&mut self, changes: &'a Changes) -> Result<(), StoreError> {
        for change in &changes.lines {
            let record = change.value();
            let stored = self.books.line(&record.key);
            unless_conflict(match change {
                Change::New(_) => stored.is_none(),
                Change::Changed(_) => stored.is_some_and(|line| line.record.sku == record.sku),
            })?;
            self.product_exists(&record.sku)?;
            unless_conflict(self.lines.insert(&record.key, record).is_none())?;
        }
        Ok(())
    }

    /// The batch as it will stand, its `allocated` still that of the books.
    fn batch(&self, reference: &Reference) -> Result<BatchRecord, StoreError> {
        let stored = self.books.batches.get(reference).map(|batch| &batch.record);
        match (self.batches.get(reference), stored) {
            (Some(proposed), Some(stored)) => Ok(BatchRecord {
                quantity: proposed.quantity,
                ..stored.clone()
            }),
            (Some(proposed), None) => Ok(BatchRecord {
                allocated: earmark_domain::Units::ZERO,
                ..(*proposed).clone()
            }),
            (None, Some(stored)) => Ok(stored.clone()),
            (None, None) => Err(StoreError::Corrupt(format!(
                "there is no batch {reference} to allocate in"
            ))),
        }
    }

    fn sku_of_line(&self, key: &LineKey) -> Result<&Sku, StoreError> {
        let proposed = self.lines.get(key).map(|record| &record.sku);
        proposed
            .or_else(|| self.books.line(key).map(|line| &line.record.sku))
            .ok_or_else(|| StoreError::Corrupt(format!("there is no line {key} to allocate to")))
    }

    fn allocations(&self, changes: &'a Changes) -> Result<(), StoreError> {
        let mut batches: BTreeMap<&Reference, BatchRecord> = BTreeMap::new();
        for reference in self.batches.keys() {
            batches.insert(reference, self.batch(reference)?);
        }

        let mut released = BTreeSet::new();
        for allocation in &changes.released {
            let stored = self.books.line(&allocation.key);
            unless_conflict(stored.is_some_and(|line| line.allocations.contains(allocation)))?;
            unless_conflict(released.insert((&allocation.key, &allocation.batch)))?;
            let mut batch = match batches.remove(&allocation.batch) {
                Some(batch) => batch,
                None => self.batch(&allocation.batch)?,
            };
            batch.allocated = batch
                .allocated
                .checked_sub(allocation.quantity.units())
                .ok_or(StoreError::Conflict)?;
            batches.insert(&allocation.batch, batch);
        }

        let mut earmarked = BTreeSet::new();
        for allocation in &changes.earmarked {
            let at = (&allocation.key, &allocation.batch);
            let stands = self
                .books
                .line(&allocation.key)
                .is_some_and(|line| line.allocations.iter().any(|held| held.batch == allocation.batch));
            unless_conflict((!stands || released.contains(&at)) && earmarked.insert(at))?;
            let mut batch = match batches.remove(&allocation.batch) {
                Some(batch) => batch,
                None => self.batch(&allocation.batch)?,
            };
            if *self.sku_of_line(&allocation.key)? != batch.sku {
                return Err(StoreError::Corrupt(format!(
                    "line {} wants another product than batch {} is of",
                    allocation.key, allocation.batch
                )));
            }
            batch.allocated = batch
                .allocated
                .checked_add(allocation.quantity.units())
                .ok_or_else(|| overfull(&allocation.batch))?;
            batches.insert(&allocation.batch, batch);
        }

        match batches.values().find(|batch| batch.quantity.units() < committed(batch)) {
            Some(batch) => Err(overfull(&batch.reference)),
            None => Ok(()),
        }
    }

    fn events(&self, changes: &Changes) -> Result<(), StoreError> {
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

fn overfull(reference: &Reference) -> StoreError {
    StoreError::Corrupt(format!("batch {reference} would hold more than its quantity"))
}
