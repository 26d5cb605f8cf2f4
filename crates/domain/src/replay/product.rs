//! The projection of a product's events on the product and its batches.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use super::discrepancy::{Discrepancy, same};
use super::etas::EtaHistory;
use crate::events::event::{Event, SequencedEvent};
use crate::events::fact::Fact;
use crate::language::line_terms::Part;
use crate::language::name::{ProductName, Reference, Sku};
use crate::language::quantity::Count;
use crate::records::batch::BatchRecord;
use crate::records::product::ProductRecord;

/// A product and its batches, read in one snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditedProduct {
    /// The product.
    pub product: ProductRecord,
    /// All of its batches.
    pub batches: Vec<BatchRecord>,
    /// The earliest deadline of its lines; `None`: none has a deadline.
    pub first_deadline: Option<Timestamp>,
}

/// What the events of a product say of it and of its batches.
///
/// It holds the batches, and no line: a product has far fewer of them.
#[derive(Debug)]
pub struct ProductProjection {
    sku: Sku,
    version: u64,
    /// The last event.
    last: u64,
    name: Option<ProductName>,
    safety_stock: Count,
    depleted: bool,
    batches: BTreeMap<Reference, BatchRecord>,
}

impl ProductProjection {
    /// Before the first event of a product.
    #[must_use]
    pub fn new(sku: Sku) -> Self {
        Self {
            sku,
            version: 0,
            last: 0,
            name: None,
            safety_stock: Count::default(),
            depleted: false,
            batches: BTreeMap::new(),
        }
    }

    /// The version of the product after the last event that was applied.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Applies the product's next event, and records the ETAs that it tells of. Returns why the event can't have
    /// happened after those before it. Empty: it can.
    pub fn apply(&mut self, event: &SequencedEvent, etas: &mut EtaHistory) -> Vec<Discrepancy> {
        let mut found = self.check_order(event);
        if let Err(why) = self.apply_fact(event, etas) {
            found.push(format!("event {} can't have happened: {why}", event.sequence));
        }
        found
            .into_iter()
            .map(|what| Discrepancy::of(&self.sku, &what))
            .collect()
    }

    /// Compares what is stored with what the events up to its version say. Empty: they agree.
    #[must_use]
    pub fn compare(self, stored: &AuditedProduct) -> Vec<Discrepancy> {
        let mut found = self.compare_product(&stored.product);
        found.extend(balances(stored));
        let sku = self.sku;
        let mut found: Vec<Discrepancy> = found.into_iter().map(|what| Discrepancy::of(&sku, &what)).collect();
        let batches = stored.batches.iter().map(|batch| (batch.reference.clone(), batch));
        found.extend(same(
            |batch| format!("batch {batch}"),
            batches,
            self.batches,
            |_, _| Some(sku.clone()),
        ));
        found
    }

    /// Checks that versions have no gap, and that sequences rise with them.
    fn check_order(&mut self, event: &SequencedEvent) -> Vec<String> {
        let mut found = Vec::new();
        let expected = self.version.saturating_add(1);
        match event.event.product() {
            Some((sku, version)) if *sku == self.sku => {
                if version != expected {
                    found.push(format!(
                        "event {} has version {version} instead of {expected}",
                        event.sequence
                    ));
                }
                self.version = version;
            }
            _ => found.push(format!("event {} is not of this product", event.sequence)),
        }
        if event.sequence <= self.last {
            found.push(format!(
                "event {} comes after event {} by version",
                event.sequence, self.last
            ));
        }
        self.last = event.sequence;
        found
    }

    fn apply_fact(&mut self, event: &SequencedEvent, etas: &mut EtaHistory) -> Result<(), String> {
        let Event { fact, .. } = &event.event;
        match fact {
            Fact::ProductNamed { name } => self.name = Some(name.clone()),
            Fact::SafetyStockChanged { from, to } => {
                if self.safety_stock != *from {
                    return Err(format!("the safety stock is {}, not {from}", self.safety_stock));
                }
                self.safety_stock = *to;
            }
            Fact::StockDepleted => self.cross(true)?,
            Fact::StockReplenished => self.cross(false)?,
            Fact::BatchCreated { .. }
            | Fact::BatchQuantityChanged { .. }
            | Fact::BatchEtaChanged { .. }
            | Fact::BatchReceived { .. }
            | Fact::BatchReceiptUndone { .. }
            | Fact::BatchOverdue { .. }
            | Fact::BatchCancelled { .. } => self.apply_to_batch(event.sequence, fact, etas)?,
            Fact::Allocated { allocations, .. } => self.earmark(allocations)?,
            Fact::Reallocated { from, to, .. } => {
                self.free(from)?;
                self.earmark(to)?;
            }
            Fact::Backordered { from, .. } | Fact::Deallocated { from, .. } => self.free(from)?,
            Fact::Dispatched { from, .. } => {
                self.free(from)?;
                self.dispatch(from)?;
            }
            Fact::DispatchUndone { to, .. } => {
                self.undo_dispatch(to)?;
                self.earmark(to)?;
            }
            Fact::OutOfStock { .. }
            | Fact::Confirmed { .. }
            | Fact::LineChanged { .. }
            | Fact::PromiseChanged { .. }
            | Fact::PromiseBroken { .. } => {}
            Fact::OrderPlaced { .. }
            | Fact::OrderReplaced { .. }
            | Fact::OrderChanged { .. }
            | Fact::HoldPlaced { .. }
            | Fact::HoldConfirmed
            | Fact::HoldExpired { .. }
            | Fact::OrderCancelled => return Err("it is of an order".into()),
        }
        Ok(())
    }

    /// Records that the product ran out, or is in stock again.
    fn cross(&mut self, depleted: bool) -> Result<(), String> {
        if self.depleted == depleted {
            return Err("the product was on that side already".into());
        }
        self.depleted = depleted;
        Ok(())
    }

    fn apply_to_batch(&mut self, sequence: u64, fact: &Fact, etas: &mut EtaHistory) -> Result<(), String> {
        match fact {
            Fact::BatchCreated {
                reference,
                location,
                ordinal,
                quantity,
                eta,
            } => {
                let sku = self.sku.clone();
                let batch = BatchRecord {
                    location: location.clone(),
                    ..BatchRecord::new(reference.clone(), sku, *ordinal, *quantity, *eta)
                };
                etas.record(reference, sequence, *eta);
                if self.batches.insert(reference.clone(), batch).is_some() {
                    return Err(format!("batch {reference} is created twice"));
                }
            }
            Fact::BatchQuantityChanged { reference, from, to } => self.count(reference, *from, *to)?,
            Fact::BatchCancelled { reference, from, to } => {
                self.count(reference, *from, *to)?;
                self.batch(reference)?.closed = true;
            }
            Fact::BatchEtaChanged { reference, from, to } => {
                let batch = self.expected_batch(reference, *from)?;
                batch.eta = Some(*to);
                batch.overdue = false;
                etas.record(reference, sequence, Some(*to));
            }
            Fact::BatchOverdue { reference, eta } => {
                self.expected_batch(reference, *eta)?.overdue = true;
            }
            Fact::BatchReceived { reference, receipt } => {
                let batch = self.expected_batch(reference, receipt.eta)?;
                batch.eta = None;
                batch.overdue = false;
                batch.receipt = Some(*receipt);
                etas.record(reference, sequence, None);
            }
            Fact::BatchReceiptUndone { reference, eta } => {
                let batch = self.batch(reference)?;
                if batch.receipt.take().is_none_or(|receipt| receipt.eta != *eta) {
                    return Err(format!("batch {reference} was not received when it had the ETA {eta}"));
                }
                batch.eta = Some(*eta);
                etas.record(reference, sequence, Some(*eta));
            }
            _ => return Err("it is not of a batch".into()),
        }
        Ok(())
    }

    /// A batch that has this ETA.
    fn expected_batch(&mut self, reference: &Reference, eta: Date) -> Result<&mut BatchRecord, String> {
        let batch = self.batch(reference)?;
        if batch.eta == Some(eta) {
            Ok(batch)
        } else {
            Err(format!("batch {reference} had the ETA {:?}, not {eta}", batch.eta))
        }
    }

    fn batch(&mut self, reference: &Reference) -> Result<&mut BatchRecord, String> {
        let batch = self.batches.get_mut(reference);
        batch.ok_or_else(|| format!("there is no batch {reference}"))
    }

    fn count(&mut self, reference: &Reference, from: Count, to: Count) -> Result<(), String> {
        let batch = self.batch(reference)?;
        if batch.quantity != from {
            return Err(format!("batch {reference} has {} units, not {from}", batch.quantity));
        }
        batch.quantity = to;
        Ok(())
    }

    fn earmark(&mut self, parts: &[Part]) -> Result<(), String> {
        for part in parts {
            let batch = self.batch(&part.batch)?;
            let allocated = batch.allocated.checked_add(part.quantity.units());
            batch.allocated = allocated.ok_or_else(|| format!("the units of batch {} overflow", part.batch))?;
        }
        Ok(())
    }

    fn free(&mut self, parts: &[Part]) -> Result<(), String> {
        for part in parts {
            let batch = self.batch(&part.batch)?;
            let allocated = batch.allocated.checked_sub(part.quantity.units());
            batch.allocated = allocated.ok_or_else(|| format!("batch {} has fewer units allocated", part.batch))?;
        }
        Ok(())
    }

    fn dispatch(&mut self, parts: &[Part]) -> Result<(), String> {
        for part in parts {
            let batch = self.batch(&part.batch)?;
            let dispatched = batch.dispatched.checked_add(part.quantity.units());
            batch.dispatched = dispatched.ok_or_else(|| format!("the units of batch {} overflow", part.batch))?;
        }
        Ok(())
    }

    fn undo_dispatch(&mut self, parts: &[Part]) -> Result<(), String> {
        for part in parts {
            let batch = self.batch(&part.batch)?;
            let dispatched = batch.dispatched.checked_sub(part.quantity.units());
            batch.dispatched =
                dispatched.ok_or_else(|| format!("fewer units of batch {} are dispatched", part.batch))?;
        }
        Ok(())
    }

    fn compare_product(&self, product: &ProductRecord) -> Vec<String> {
        let mut found = Vec::new();
        if product.version != self.version {
            let (stored, last) = (product.version, self.version);
            found.push(format!("the product has version {stored}, its last event has {last}"));
        }
        if product.name != self.name {
            found.push("the product's name is not the one its events say".into());
        }
        if product.safety_stock != self.safety_stock {
            let (stored, expected) = (product.safety_stock, self.safety_stock);
            found.push(format!("the safety stock is {stored}, the events say {expected}"));
        }
        if product.depleted != self.depleted {
            found.push("whether the product is depleted is not what its events say".into());
        }
        if usize::try_from(product.batches_created) != Ok(self.batches.len()) {
            let (stored, expected) = (product.batches_created, self.batches.len());
            found.push(format!("{stored} batches were created, the events say {expected}"));
        }
        found
    }
}

/// What a product and its batches must agree on among themselves.
fn balances(stored: &AuditedProduct) -> Vec<String> {
    let mut found = Vec::new();
    for batch in &stored.batches {
        let committed = batch.allocated.checked_add(batch.dispatched);
        if committed.is_none_or(|units| units > batch.quantity.units()) {
            found.push(format!(
                "batch {} has {} units, {} are allocated and {} dispatched",
                batch.reference, batch.quantity, batch.allocated, batch.dispatched
            ));
        }
        if batch.closed && batch.quantity.units() != batch.dispatched {
            found.push(format!(
                "batch {} was cancelled and has {} units, {} are dispatched",
                batch.reference, batch.quantity, batch.dispatched
            ));
        }
    }
    if let Some(deadline) = stored.first_deadline
        && stored.product.next_expiry.is_none_or(|next| next > deadline)
    {
        found.push(format!(
            "a line is held until {deadline}, but the product's next expiry is later or missing"
        ));
    }
    found
}
