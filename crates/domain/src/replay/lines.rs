//! The projection of events on lines and their units: the state they lead to when they are applied one after the other.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use super::etas::EtaHistory;
use crate::events::event::{SequencedEvent, Subject};
use crate::events::fact::Fact;
use crate::language::line_terms::{LineState, LineTerms, Part};
use crate::language::name::{LineKey, Reference, Sku};
use crate::language::precedence::{Precedence, ReleaseRank};
use crate::language::promise::Promise;
use crate::language::quantity::{Quantity, Units};
use crate::language::reason::{DeallocationReason, MoveReason, ShortageOutcome};
use crate::promising::promise_date;
use crate::records::order::{AllocationRecord, DispatchRecord, LineRecord};

/// A line and a batch.
pub(super) type Place = (LineKey, Reference);

/// Units by line and batch, with the version whose event allocated them there.
type UnitsByLine = BTreeMap<Place, (Quantity, u64)>;

/// Units that left a batch, by line and batch and the version whose event tells it.
type Departure = (LineKey, Reference, u64);

/// The lines that events tell of, and their units.
#[derive(Debug, Default)]
pub(super) struct LineProjection {
    pub(super) lines: BTreeMap<LineKey, LineRecord>,
    allocated: UnitsByLine,
    dispatched: BTreeMap<Departure, DispatchRecord>,
}

impl LineProjection {
    /// The allocations.
    pub(super) fn allocations(&self) -> BTreeMap<Place, AllocationRecord> {
        let record = |((key, batch), (quantity, allocated_version)): (&Place, &(Quantity, u64))| {
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
    pub(super) const fn dispatches(&self) -> &BTreeMap<Departure, DispatchRecord> {
        &self.dispatched
    }

    /// Applies the next event of these lines. One that is of no line changes nothing.
    ///
    /// # Errors
    /// Why the event contradicts those before it, as a sentence.
    pub(super) fn apply(&mut self, event: &SequencedEvent, etas: &EtaHistory) -> Result<(), String> {
        let Subject::Product { sku, version } = &event.event.subject else {
            return Ok(());
        };
        match &event.event.fact {
            Fact::Allocated {
                line,
                allocations,
                promised_on,
                ..
            } => {
                let known = self.lines.get(&line.key);
                let had_units = known.is_some_and(|line| line.state.holds_units());
                self.set_line(sku, *version, line, LineState::with_units(line.hold_until));
                self.earmark(*version, &line.key, allocations)?;
                // A line that had units keeps what was told of them.
                if !had_units {
                    self.check_promise(event, &line.key, *promised_on, etas)?;
                }
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
                self.check_promise(event, key, *promised_to, etas)?;
            }
            Fact::Backordered { line, from, .. } => {
                self.free(&line.key, from)?;
                self.set_line(sku, *version, line, LineState::Backordered);
            }
            Fact::Deallocated {
                key, from, why, left, ..
            } => {
                self.free(key, from)?;
                let line = self.line(key)?;
                match left {
                    Some(left) => line.terms.quantity = *left,
                    None if !line.dispatched.is_zero() => {
                        line.terms.quantity = Quantity::new(i128::from(line.dispatched.get()))
                            .map_err(|_| format!("more of line {key} has left than a line can have"))?;
                        line.state = LineState::Dispatched;
                    }
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
            Fact::LineChanged { line: terms } => {
                let line = self.line(&terms.key)?;
                let required_by = terms.precedence.required_by();
                if line.terms.precedence.required_by() != required_by {
                    line.promise = line.promise.required(required_by);
                }
                line.terms = terms.clone();
            }
            Fact::Dispatched { key, from, left } => {
                self.dispatch(key, from, *left, *version, event.event.occurred_at)?;
            }
            Fact::DispatchUndone { key, to, .. } => self.undo_dispatch(key, to)?,
            // The order is required for another day: what was told stands.
            Fact::PromiseBroken {
                key,
                to,
                why: MoveReason::OrderChanged,
                ..
            } => {
                let told = self.line(key)?.promise.on;
                if told != Some(*to) {
                    return Err(format!("line {key} was promised for {told:?}, not {to}"));
                }
            }
            Fact::PromiseChanged { key, to, .. } | Fact::PromiseBroken { key, to, .. } => {
                self.check_promise(event, key, *to, etas)?;
            }
            Fact::ProductNamed { .. }
            | Fact::SafetyStockChanged { .. }
            | Fact::BatchCreated { .. }
            | Fact::BatchQuantityChanged { .. }
            | Fact::BatchEtaChanged { .. }
            | Fact::BatchReceived { .. }
            | Fact::BatchReceiptUndone { .. }
            | Fact::BatchOverdue { .. }
            | Fact::BatchCancelled { .. }
            | Fact::StockDepleted
            | Fact::StockReplenished
            | Fact::OrderPlaced { .. }
            | Fact::OrderReplaced { .. }
            | Fact::OrderChanged { .. }
            | Fact::HoldPlaced { .. }
            | Fact::HoldConfirmed
            | Fact::HoldExpired { .. }
            | Fact::OrderCancelled => {}
        }
        let fact = &event.event.fact;
        if let Some(line) = fact.line().and_then(|key| self.lines.get_mut(key)) {
            let required_by = line.terms.precedence.required_by();
            line.promise = fact.promise(line.promise, required_by);
        }
        Ok(())
    }

    /// Checks the promise date of a line against the ETAs that its batches had.
    fn check_promise(
        &self,
        event: &SequencedEvent,
        key: &LineKey,
        date: Date,
        etas: &EtaHistory,
    ) -> Result<(), String> {
        if !etas.knows(event.sequence) {
            return Ok(());
        }
        let first = (key.clone(), Reference::before_any());
        let allocated = self.allocated.range(first..).take_while(|((line, _), _)| line == key);
        let dates = allocated.map(|((_, batch), _)| etas.at(batch, event.sequence));
        match promise_date(dates, event.event.decided_on) {
            Some(expected) if expected == date => Ok(()),
            Some(expected) => Err(format!("line {key} was promised for {expected}, not {date}")),
            None => Err(format!("line {key} has no units and can't be promised")),
        }
    }

    fn line(&mut self, key: &LineKey) -> Result<&mut LineRecord, String> {
        let line = self.lines.get_mut(key);
        line.ok_or_else(|| format!("there is no line {key}"))
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
            promise: open.map_or(Promise::NONE, |line| line.promise),
            dispatched: open.map_or(Units::ZERO, |line| line.dispatched),
            terms,
        };
        self.lines.insert(record.terms.key.clone(), record);
    }

    /// Allocates units to a line. Units that it has in the same batch keep the version that allocated them.
    fn earmark(&mut self, version: u64, key: &LineKey, parts: &[Part]) -> Result<(), String> {
        parts
            .iter()
            .try_for_each(|part| add(&mut self.allocated, key, part, version))
    }

    fn free(&mut self, key: &LineKey, parts: &[Part]) -> Result<(), String> {
        parts
            .iter()
            .try_for_each(|part| take(&mut self.allocated, key, part).map(|_| ()))
    }

    fn dispatch(
        &mut self,
        key: &LineKey,
        parts: &[Part],
        left: Option<Quantity>,
        version: u64,
        at: Timestamp,
    ) -> Result<(), String> {
        for part in parts {
            let record = DispatchRecord {
                key: key.clone(),
                batch: part.batch.clone(),
                quantity: part.quantity,
                allocated_version: take(&mut self.allocated, key, part)?,
                dispatched_version: version,
                dispatched_at: at,
            };
            let departure = (key.clone(), part.batch.clone(), version);
            self.dispatched.insert(departure, record);
        }
        let line = self.line(key)?;
        let gone: Units = parts.iter().map(|part| part.quantity.units()).sum();
        let rest = line.terms.quantity.units().checked_sub(gone);
        if rest != Some(left.map_or(Units::ZERO, Quantity::units)) {
            return Err(format!(
                "line {key} wants {}, of which {gone} can't leave so",
                line.terms.quantity
            ));
        }
        let total = line.total();
        line.dispatched = line
            .dispatched
            .checked_add(gone)
            .ok_or_else(|| format!("the units of line {key} overflow"))?;
        line.terms.quantity = left.unwrap_or(total);
        if left.is_none() {
            line.state = LineState::Dispatched;
        }
        Ok(())
    }

    fn undo_dispatch(&mut self, key: &LineKey, parts: &[Part]) -> Result<(), String> {
        let line = self.line(key)?;
        line.terms.quantity = line.total();
        line.state = LineState::Allocated;
        line.dispatched = Units::ZERO;
        let first = (key.clone(), Reference::before_any(), 0);
        let gone = self.dispatched.range(first..).take_while(|((of, ..), _)| of == key);
        let mut gone: Vec<DispatchRecord> = gone.map(|(_, record)| record.clone()).collect();
        gone.sort_by_key(|record| record.dispatched_version);
        let mut returned: BTreeMap<&Reference, u64> = BTreeMap::new();
        for DispatchRecord {
            batch,
            quantity,
            allocated_version,
            dispatched_version,
            ..
        } in &gone
        {
            let part = Part {
                batch: batch.clone(),
                quantity: *quantity,
            };
            add(&mut self.allocated, key, &part, *allocated_version)?;
            *returned.entry(batch).or_default() += u64::from(quantity.get());
            self.dispatched
                .remove(&(key.clone(), batch.clone(), *dispatched_version));
        }
        let told = parts.iter().map(|part| (&part.batch, u64::from(part.quantity.get())));
        if returned == told.collect() {
            Ok(())
        } else {
            Err(format!("other units of line {key} came back than had left"))
        }
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
