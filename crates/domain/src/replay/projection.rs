//! The projection of a product's events: the state they lead to when they are applied one after the other.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use jiff::civil::Date;

use crate::events::event::{Event, Subject};
use crate::events::fact::Fact;
use crate::language::line_terms::{LineState, LineTerms, Part};
use crate::language::name::{LineKey, ProductName, Reference, Sku};
use crate::language::precedence::{Precedence, ReleaseRank};
use crate::language::quantity::{Count, Quantity};
use crate::language::reason::{DeallocationReason, ShortageOutcome};
use crate::promising::{day_of, promise_date};
use crate::records::batch::BatchRecord;
use crate::records::order::{AllocationRecord, DispatchRecord, LineRecord};

/// Units by line and batch, with the version whose event allocated them there.
type UnitsByLine = BTreeMap<(LineKey, Reference), (Quantity, u64)>;

/// The state that events lead to.
#[derive(Debug, Default)]
pub(super) struct Projection {
    pub(super) name: Option<ProductName>,
    pub(super) safety_stock: Count,
    pub(super) depleted: bool,
    pub(super) batches: BTreeMap<Reference, BatchRecord>,
    pub(super) lines: BTreeMap<LineKey, LineRecord>,
    allocated: UnitsByLine,
    dispatched: UnitsByLine,
}

impl Projection {
    /// The allocations.
    pub(super) fn allocations(&self) -> BTreeMap<(LineKey, Reference), AllocationRecord> {
        let record = |((key, batch), (quantity, allocated_version)): (&(LineKey, Reference), &(Quantity, u64))| {
            let line = self.lines.get(key);
            let release_rank = line.map(|line| ReleaseRank::of(line.terms.precedence, line.state == LineState::Held));
            let record = AllocationRecord {
                key: key.clone(),
                batch: batch.clone(),
                quantity: *quantity,
                release_rank: release_rank.unwrap_or_else(|| ReleaseRank::of(Precedence::default(), false)),
                allocated_version: *allocated_version,
            };
            ((key.clone(), batch.clone()), record)
        };
        self.allocated.iter().map(record).collect()
    }

    /// The dispatches.
    pub(super) fn dispatches(&self) -> BTreeMap<(LineKey, Reference), DispatchRecord> {
        let record = |((key, batch), (quantity, allocated_version)): (&(LineKey, Reference), &(Quantity, u64))| {
            let record = DispatchRecord {
                key: key.clone(),
                batch: batch.clone(),
                quantity: *quantity,
                allocated_version: *allocated_version,
            };
            ((key.clone(), batch.clone()), record)
        };
        self.dispatched.iter().map(record).collect()
    }

    /// Applies the next event.
    ///
    /// # Errors
    /// Why the event contradicts those before it, as a sentence.
    pub(super) fn apply(&mut self, event: &Event) -> Result<(), String> {
        let Subject::Product { sku, version } = &event.subject else {
            return Err("it is not of a product".into());
        };
        match &event.fact {
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
            | Fact::BatchCancelled { .. } => self.apply_to_batch(sku, &event.fact)?,
            Fact::Allocated { line, allocations, .. } => {
                self.set_line(sku, *version, line, LineState::with_units(line.hold_until));
                self.earmark(*version, &line.key, allocations)?;
            }
            Fact::Reallocated {
                key,
                from,
                to,
                promised_to,
                ..
            } => {
                self.free(key, from)?;
                self.earmark(*version, key, to)?;
                self.check_promise(event, key, *promised_to)?;
            }
            Fact::Backordered { line, from, .. } => {
                self.free(&line.key, from)?;
                self.set_line(sku, *version, line, LineState::Backordered);
            }
            Fact::Deallocated { key, from, why, left } => {
                self.free(key, from)?;
                let line = self.line(key)?;
                match left {
                    Some(left) => line.terms.quantity = *left,
                    None if *why == DeallocationReason::HoldExpired => line.state = LineState::Expired,
                    None => line.state = LineState::Cancelled,
                }
                if left.is_none() {
                    line.terms.placed_with_order &= *why != DeallocationReason::OrderReplaced;
                    line.terms.hold_until = None;
                }
            }
            Fact::OutOfStock { line, kept, .. } => {
                if *kept == ShortageOutcome::Refused {
                    self.set_line(sku, *version, line, LineState::Refused);
                }
            }
            Fact::Confirmed { key } => {
                let line = self.line(key)?;
                line.terms.hold_until = None;
                if line.state == LineState::Held {
                    line.state = LineState::Allocated;
                }
            }
            Fact::Dispatched { key, from } => self.dispatch(key, from)?,
            Fact::DispatchUndone { key, to } => self.undo_dispatch(key, to)?,
            Fact::PromiseChanged { key, to, .. } | Fact::PromiseBroken { key, to, .. } => {
                self.check_promise(event, key, *to)?;
            }
            Fact::OrderPlaced { .. }
            | Fact::OrderReplaced { .. }
            | Fact::HoldPlaced { .. }
            | Fact::HoldConfirmed
            | Fact::HoldExpired { .. }
            | Fact::OrderCancelled => return Err("it is of an order".into()),
        }
        Ok(())
    }

    /// Checks the promise date of a line against the ETAs of its batches.
    fn check_promise(&self, event: &Event, key: &LineKey, date: Date) -> Result<(), String> {
        let first = (key.clone(), Reference::before_any());
        let allocated = self.allocated.range(first..).take_while(|((line, _), _)| line == key);
        let etas = allocated.filter_map(|((_, batch), _)| self.batches.get(batch).map(|batch| batch.eta));
        let today = day_of(event.occurred_at);
        match promise_date(etas, today) {
            Some(expected) if expected == date => Ok(()),
            Some(expected) => Err(format!("line {key} was promised for {expected}, not {date}")),
            None => Err(format!("line {key} has no units and can't be promised")),
        }
    }

    /// Records that the product ran out, or is in stock again.
    fn cross(&mut self, depleted: bool) -> Result<(), String> {
        if self.depleted == depleted {
            return Err("the product was on that side already".into());
        }
        self.depleted = depleted;
        Ok(())
    }

    fn apply_to_batch(&mut self, sku: &Sku, fact: &Fact) -> Result<(), String> {
        match fact {
            Fact::BatchCreated {
                reference,
                location,
                ordinal,
                quantity,
                eta,
            } => {
                let batch = BatchRecord {
                    location: location.clone(),
                    ..BatchRecord::new(reference.clone(), sku.clone(), *ordinal, *quantity, *eta)
                };
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
                let batch = self.batch(reference)?;
                if batch.eta != *from {
                    return Err(format!("batch {reference} had the ETA {:?}, not {from:?}", batch.eta));
                }
                batch.eta = Some(*to);
            }
            Fact::BatchReceived { reference, eta } => {
                let batch = self.batch(reference)?;
                if batch.eta != *eta {
                    return Err(format!("batch {reference} had the ETA {:?}, not {eta:?}", batch.eta));
                }
                batch.eta = None;
            }
            _ => return Err("it is not of a batch".into()),
        }
        Ok(())
    }

    fn batch(&mut self, reference: &Reference) -> Result<&mut BatchRecord, String> {
        let batch = self.batches.get_mut(reference);
        batch.ok_or_else(|| format!("there is no batch {reference}"))
    }

    fn line(&mut self, key: &LineKey) -> Result<&mut LineRecord, String> {
        let line = self.lines.get_mut(key);
        line.ok_or_else(|| format!("there is no line {key}"))
    }

    fn count(&mut self, reference: &Reference, from: Count, to: Count) -> Result<(), String> {
        let batch = self.batch(reference)?;
        if batch.quantity != from {
            return Err(format!("batch {reference} has {} units, not {from}", batch.quantity));
        }
        batch.quantity = to;
        Ok(())
    }

    /// Sets the terms and the state of a line. The event places it, unless it is open already.
    fn set_line(&mut self, sku: &Sku, version: u64, terms: &LineTerms, state: LineState) {
        let mut terms = terms.clone();
        terms.hold_until = terms.hold_until.filter(|_| state.is_open());
        let open = self.lines.get(&terms.key).filter(|line| line.state.is_open());
        let record = LineRecord {
            sku: sku.clone(),
            state,
            placed_version: open.map_or(version, |line| line.placed_version),
            terms,
        };
        self.lines.insert(record.terms.key.clone(), record);
    }

    /// Allocates units to a line. Units that it has in the same batch keep the version that allocated them.
    fn earmark(&mut self, version: u64, key: &LineKey, parts: &[Part]) -> Result<(), String> {
        for part in parts {
            let batch = self.batch(&part.batch)?;
            let allocated = batch.allocated.checked_add(part.quantity.units());
            batch.allocated = allocated.ok_or_else(|| format!("the units of batch {} overflow", part.batch))?;
            add(&mut self.allocated, key, part, version)?;
        }
        Ok(())
    }

    fn free(&mut self, key: &LineKey, parts: &[Part]) -> Result<(), String> {
        for part in parts {
            take(&mut self.allocated, key, part)?;
            let batch = self.batch(&part.batch)?;
            let allocated = batch.allocated.checked_sub(part.quantity.units());
            batch.allocated = allocated.ok_or_else(|| format!("batch {} has fewer units allocated", part.batch))?;
        }
        Ok(())
    }

    fn dispatch(&mut self, key: &LineKey, parts: &[Part]) -> Result<(), String> {
        self.line(key)?.state = LineState::Dispatched;
        for part in parts {
            let since = self
                .allocated
                .get(&(key.clone(), part.batch.clone()))
                .map(|(_, since)| *since);
            self.free(key, core::slice::from_ref(part))?;
            let batch = self.batch(&part.batch)?;
            let dispatched = batch.dispatched.checked_add(part.quantity.units());
            batch.dispatched = dispatched.ok_or_else(|| format!("the units of batch {} overflow", part.batch))?;
            add(&mut self.dispatched, key, part, since.unwrap_or_default())?;
        }
        Ok(())
    }

    fn undo_dispatch(&mut self, key: &LineKey, parts: &[Part]) -> Result<(), String> {
        self.line(key)?.state = LineState::Allocated;
        for part in parts {
            let since = take(&mut self.dispatched, key, part)?;
            let batch = self.batch(&part.batch)?;
            let dispatched = batch.dispatched.checked_sub(part.quantity.units());
            batch.dispatched =
                dispatched.ok_or_else(|| format!("fewer units of batch {} are dispatched", part.batch))?;
            self.earmark(since, key, core::slice::from_ref(part))?;
        }
        Ok(())
    }
}

/// Adds units of a line in a batch.
fn add(units: &mut UnitsByLine, key: &LineKey, part: &Part, version: u64) -> Result<(), String> {
    let id = (key.clone(), part.batch.clone());
    let (before, since) = units
        .get(&id)
        .map_or((0, version), |(units, since)| (units.get(), *since));
    let sum = Quantity::new(i128::from(before) + i128::from(part.quantity.get()));
    let sum = sum.map_err(|_| format!("the units of line {key} in batch {} overflow", part.batch))?;
    units.insert(id, (sum, since));
    Ok(())
}

/// Takes units of a line in a batch, and returns the version that allocated them.
fn take(units: &mut UnitsByLine, key: &LineKey, part: &Part) -> Result<u64, String> {
    let id = (key.clone(), part.batch.clone());
    let fewer = || {
        format!(
            "line {key} has fewer than {} units in batch {}",
            part.quantity, part.batch
        )
    };
    let (before, since) = *units.get(&id).ok_or_else(fewer)?;
    match i128::from(before.get()) - i128::from(part.quantity.get()) {
        0 => {
            units.remove(&id);
        }
        left => {
            units.insert(id, (Quantity::new(left).map_err(|_| fewer())?, since));
        }
    }
    Ok(since)
}
