//! What the events of a product say, followed one after the other.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::batch::promise_date;
use crate::context::day_of;
use crate::event::{Event, Fact, LineTerms, Subject};
use crate::line::{LineState, Part};
use crate::name::{LineKey, ProductName, Reference, Sku};
use crate::precedence::{Precedence, ReleaseRank};
use crate::quantity::{Count, Quantity};
use crate::reason::{DeallocationReason, ShortageOutcome};
use crate::record::{AllocationRecord, BatchRecord, DispatchRecord, LineRecord};

/// Units of a line in a batch, and since when.
type Held = BTreeMap<(LineKey, Reference), (Quantity, Timestamp)>;

/// What the events say.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) name: Option<ProductName>,
    pub(super) safety_stock: Count,
    pub(super) depleted: bool,
    pub(super) batches: BTreeMap<Reference, BatchRecord>,
    pub(super) lines: BTreeMap<LineKey, LineRecord>,
    held: Held,
    gone: Held,
}

impl Told {
    /// The allocations that stand.
    pub(super) fn allocations(&self) -> BTreeMap<(LineKey, Reference), AllocationRecord> {
        let record = |((key, batch), (quantity, allocated_at)): (&(LineKey, Reference), &(Quantity, Timestamp))| {
            let line = self.lines.get(key);
            let release_rank = line.map(|line| ReleaseRank::of(line.terms.precedence, line.state == LineState::Held));
            let record = AllocationRecord {
                key: key.clone(),
                batch: batch.clone(),
                quantity: *quantity,
                release_rank: release_rank.unwrap_or_else(|| ReleaseRank::of(Precedence::default(), false)),
                allocated_at: *allocated_at,
            };
            ((key.clone(), batch.clone()), record)
        };
        self.held.iter().map(record).collect()
    }

    /// The units that have left the building.
    pub(super) fn dispatches(&self) -> BTreeMap<(LineKey, Reference), DispatchRecord> {
        let record = |((key, batch), (quantity, allocated_at)): (&(LineKey, Reference), &(Quantity, Timestamp))| {
            let record = DispatchRecord {
                key: key.clone(),
                batch: batch.clone(),
                quantity: *quantity,
                allocated_at: *allocated_at,
            };
            ((key.clone(), batch.clone()), record)
        };
        self.gone.iter().map(record).collect()
    }

    /// Follows one more event.
    ///
    /// # Errors
    /// Why it can't have happened, told for people.
    pub(super) fn follow(&mut self, event: &Event) -> Result<(), String> {
        let Subject::Product { sku, .. } = &event.subject else {
            return Err("it is not of a product".into());
        };
        match &event.fact {
            Fact::ProductNamed { name } => self.name = Some(name.clone()),
            Fact::SafetyStockChanged { from, to } => {
                if self.safety_stock != *from {
                    return Err(format!("{} units are kept back, not {from}", self.safety_stock));
                }
                self.safety_stock = *to;
            }
            Fact::StockDepleted => self.cross(true)?,
            Fact::StockReplenished => self.cross(false)?,
            Fact::BatchCreated { .. }
            | Fact::BatchQuantityChanged { .. }
            | Fact::BatchEtaChanged { .. }
            | Fact::BatchReceived { .. }
            | Fact::BatchCancelled { .. } => self.follow_batch(sku, &event.fact)?,
            Fact::Allocated { line, allocations, .. } => {
                let state = if line.hold_until.is_some() {
                    LineState::Held
                } else {
                    LineState::Allocated
                };
                self.stand(sku, line, state);
                self.earmark(event.occurred_at, &line.key, allocations)?;
            }
            Fact::Reallocated {
                key,
                from,
                to,
                promised_to,
                ..
            } => {
                self.free(key, from)?;
                self.earmark(event.occurred_at, key, to)?;
                self.is_promised(event, key, *promised_to)?;
            }
            Fact::Backordered { line, from, .. } => {
                self.free(&line.key, from)?;
                self.stand(sku, line, LineState::Backordered);
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
                    self.stand(sku, line, LineState::Refused);
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
                self.is_promised(event, key, *to)?;
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

    /// Holds the date that a line was told of against the days on which its batches arrived, as was known then.
    fn is_promised(&self, event: &Event, key: &LineKey, told: Date) -> Result<(), String> {
        let first = (key.clone(), Reference::before_any());
        let held = self.held.range(first..).take_while(|((line, _), _)| line == key);
        let etas = held.filter_map(|((_, batch), _)| self.batches.get(batch).map(|batch| batch.eta));
        let today = day_of(event.occurred_at);
        match promise_date(etas, today) {
            Some(date) if date == told => Ok(()),
            Some(date) => Err(format!("line {key} was promised for {date}, not {told}")),
            None => Err(format!("line {key} holds nothing and can't be promised")),
        }
    }

    fn cross(&mut self, depleted: bool) -> Result<(), String> {
        if self.depleted == depleted {
            return Err("it crosses to where the product was".into());
        }
        self.depleted = depleted;
        Ok(())
    }

    fn follow_batch(&mut self, sku: &Sku, fact: &Fact) -> Result<(), String> {
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
                    return Err(format!(
                        "batch {reference} was to arrive on {:?}, not {from:?}",
                        batch.eta
                    ));
                }
                batch.eta = Some(*to);
            }
            Fact::BatchReceived { reference, eta } => {
                let batch = self.batch(reference)?;
                if batch.eta != *eta {
                    return Err(format!(
                        "batch {reference} was to arrive on {:?}, not {eta:?}",
                        batch.eta
                    ));
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
            return Err(format!("batch {reference} holds {}, not {from}", batch.quantity));
        }
        batch.quantity = to;
        Ok(())
    }

    fn stand(&mut self, sku: &Sku, terms: &LineTerms, state: LineState) {
        let mut terms = terms.clone();
        terms.hold_until = terms.hold_until.filter(|_| state.is_open());
        let sku = sku.clone();
        self.lines.insert(terms.key.clone(), LineRecord { sku, state, terms });
    }

    /// Adds units to what a line holds. Units it has in the same batch already keep their time.
    fn earmark(&mut self, at: Timestamp, key: &LineKey, parts: &[Part]) -> Result<(), String> {
        for part in parts {
            let batch = self.batch(&part.batch)?;
            let allocated = batch.allocated.checked_add(part.quantity.units());
            batch.allocated = allocated.ok_or_else(|| format!("the units of batch {} overflow", part.batch))?;
            add(&mut self.held, key, part, at)?;
        }
        Ok(())
    }

    fn free(&mut self, key: &LineKey, parts: &[Part]) -> Result<(), String> {
        for part in parts {
            take(&mut self.held, key, part)?;
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
                .held
                .get(&(key.clone(), part.batch.clone()))
                .map(|(_, since)| *since);
            self.free(key, core::slice::from_ref(part))?;
            let batch = self.batch(&part.batch)?;
            let dispatched = batch.dispatched.checked_add(part.quantity.units());
            batch.dispatched = dispatched.ok_or_else(|| format!("the units of batch {} overflow", part.batch))?;
            add(&mut self.gone, key, part, since.unwrap_or_default())?;
        }
        Ok(())
    }

    fn undo_dispatch(&mut self, key: &LineKey, parts: &[Part]) -> Result<(), String> {
        self.line(key)?.state = LineState::Allocated;
        for part in parts {
            let since = take(&mut self.gone, key, part)?;
            let batch = self.batch(&part.batch)?;
            let dispatched = batch.dispatched.checked_sub(part.quantity.units());
            batch.dispatched = dispatched.ok_or_else(|| format!("fewer units have left batch {}", part.batch))?;
            self.earmark(since, key, core::slice::from_ref(part))?;
        }
        Ok(())
    }
}

/// Adds units to those of a line.
fn add(held: &mut Held, key: &LineKey, part: &Part, at: Timestamp) -> Result<(), String> {
    let place = (key.clone(), part.batch.clone());
    let (before, since) = held.get(&place).map_or((0, at), |(units, since)| (units.get(), *since));
    let sum = Quantity::new(i128::from(before) + i128::from(part.quantity.get()));
    let sum = sum.map_err(|_| format!("the units of line {key} in batch {} overflow", part.batch))?;
    held.insert(place, (sum, since));
    Ok(())
}

/// Takes units from those of a line, and says since when it had them.
fn take(held: &mut Held, key: &LineKey, part: &Part) -> Result<Timestamp, String> {
    let place = (key.clone(), part.batch.clone());
    let fewer = || {
        format!(
            "line {key} does not hold {} units in batch {}",
            part.quantity, part.batch
        )
    };
    let (units, since) = *held.get(&place).ok_or_else(fewer)?;
    match i128::from(units.get()) - i128::from(part.quantity.get()) {
        0 => {
            held.remove(&place);
        }
        left => {
            held.insert(place, (Quantity::new(left).map_err(|_| fewer())?, since));
        }
    }
    Ok(since)
}
