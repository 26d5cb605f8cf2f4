//! What happens to lines: they are placed, wait, change their quantity, become firm, are dispatched, and end.

use alloc::vec::Vec;

use jiff::Timestamp;

use super::Product;
use crate::answers::refusal::Shortage;
use crate::context::DecisionTime;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::{LineState, LineTerms};
use crate::language::precedence::Precedence;
use crate::language::promise::Promise;
use crate::language::quantity::{Quantity, Units};
use crate::language::reason::ShortageOutcome;
use crate::stock::draft::Search;
use crate::stock::index::LineIndex;
use crate::stock::line::{Allocation, Line, LineSnapshot, LineStatus};

impl Product {
    /// Places a new line with the units that a draft found for it.
    pub(crate) fn place(&mut self, terms: LineTerms, allocations: Vec<Allocation>) -> LineIndex {
        for allocation in &allocations {
            self.batches[allocation.batch].earmark(allocation.part.quantity);
        }
        let status = LineStatus::with_units(allocations, terms.hold_until);
        self.add_line(terms, status)
    }

    /// Records that a new line did not fit, and places it without units unless it is refused with its command.
    pub(crate) fn place_without_units(
        &mut self,
        terms: LineTerms,
        available: Units,
        kept: ShortageOutcome,
        recorder: &mut EventRecorder<'_>,
    ) -> Option<LineIndex> {
        let status = self.record_shortage(&terms, available, kept, recorder)?;
        let refused = status.state == LineState::Refused;
        let line = self.add_line(terms, status);
        // No other event tells of a refused line.
        self.lines[line].set_placed_version(refused.then_some(self.record.version));
        if self.lines[line].state() == LineState::Backordered {
            self.backlog.join(self.lines[line].service_position(), line);
        }
        Some(line)
    }

    /// Records that a line did not fit. Returns the status it gets; `None`: it is refused with its command.
    pub(crate) fn record_shortage(
        &mut self,
        terms: &LineTerms,
        available: Units,
        kept: ShortageOutcome,
        recorder: &mut EventRecorder<'_>,
    ) -> Option<LineStatus> {
        self.require_all_batches();
        let fact = Fact::OutOfStock {
            line: terms.clone(),
            available,
            kept,
        };
        self.record_fact(fact, recorder);
        match kept {
            ShortageOutcome::Nothing => None,
            ShortageOutcome::Refused => Some(LineStatus::without_units(LineState::Refused)),
            ShortageOutcome::Backordered => Some(LineStatus::without_units(LineState::Backordered)),
        }
    }

    fn add_line(&mut self, mut terms: LineTerms, status: LineStatus) -> LineIndex {
        if !status.state.is_open() {
            terms.hold_until = None;
        }
        self.note_deadline(terms.hold_until);
        let mut line = Line::new(terms, status);
        line.track();
        let index = self.lines.push(line);
        self.tracked_lines.push((index, None));
        index
    }

    /// Cancels a line: its units are free, or it leaves the backlog. Returns `false` if it has ended before.
    pub(crate) fn cancel(&mut self, line: LineIndex) -> bool {
        self.end(line, LineState::Cancelled)
    }

    /// Ends a line whose hold has expired. Returns `false` if it has ended before.
    pub(crate) fn expire(&mut self, line: LineIndex) -> bool {
        self.end(line, LineState::Expired)
    }

    /// Ends a line. What has left the building stays so, and is all that it wanted.
    fn end(&mut self, line: LineIndex, state: LineState) -> bool {
        let ending = &self.lines[line];
        let is_open = ending.state().is_open();
        if is_open {
            let mut terms = ending.terms().clone();
            let state = match Quantity::new(i128::from(ending.dispatched_units().get())) {
                Ok(dispatched) => {
                    terms.quantity = dispatched;
                    LineState::Dispatched
                }
                Err(_) => state,
            };
            self.change_line(line, terms, LineStatus::without_units(state));
        }
        is_open
    }

    /// Takes a line out of an order that is being replaced: its units are free for the new lines. Returns the line as
    /// it was, for [`put_back`](Self::put_back) if the order is refused.
    pub(crate) fn set_aside(&mut self, line: LineIndex) -> LineSnapshot {
        let before = self.lines[line].snapshot();
        let terms = LineTerms {
            placed_with_order: false,
            ..before.terms.clone()
        };
        self.change_line(line, terms, LineStatus::without_units(LineState::Cancelled));
        before
    }

    /// Puts back a line that was set aside.
    pub(crate) fn put_back(&mut self, line: LineIndex, before: LineSnapshot) {
        self.change_line(line, before.terms, before.status);
    }

    /// Places a line again that was set aside, on new terms, with units that a draft found. It keeps its place in the
    /// order of service if it was open `before`.
    pub(crate) fn place_again(
        &mut self,
        line: LineIndex,
        terms: LineTerms,
        allocations: Vec<Allocation>,
        before: &LineStatus,
    ) {
        if !before.state.is_open() {
            self.lines[line].set_placed_version(None);
        }
        let status = LineStatus::with_units(allocations, terms.hold_until);
        self.change_line(line, terms, status);
    }

    /// The same, with a status without units, after its shortage has been recorded.
    pub(crate) fn place_again_without_units(
        &mut self,
        line: LineIndex,
        terms: LineTerms,
        status: LineStatus,
        before: &LineStatus,
    ) {
        if !before.state.is_open() {
            let refused = status.state == LineState::Refused;
            self.lines[line].set_placed_version(refused.then_some(self.record.version));
            self.lines[line].set_promise(Promise::NONE);
        }
        self.change_line(line, terms, status);
    }

    /// Gives an open line the terms that its order has now.
    pub(crate) fn give_order_terms(&mut self, line: LineIndex, precedence: Precedence, hold_until: Option<Timestamp>) {
        let LineSnapshot { terms, status, .. } = self.lines[line].snapshot();
        let terms = terms.added_to_order(precedence, hold_until);
        self.change_line(line, terms, status);
    }

    /// Makes a held line firm, with all of its units or fewer.
    pub(crate) fn confirm(&mut self, line: LineIndex, quantity: Quantity) {
        let LineSnapshot {
            mut terms, mut status, ..
        } = self.lines[line].snapshot();
        self.reduce(&mut status, quantity);
        terms.quantity = quantity;
        terms.hold_until = None;
        if status.state == LineState::Held {
            status.state = LineState::Allocated;
        }
        self.change_line(line, terms, status);
    }

    /// Reduces a line's units to a quantity. The units with the latest date are freed.
    fn reduce(&self, status: &mut LineStatus, to: Quantity) {
        self.sort_by_preference(&mut status.allocations);
        let mut left = Some(to);
        status.allocations.retain_mut(|allocation| {
            let Some(kept) = left.and_then(|left| allocation.part.quantity.units().give(left)) else {
                return false;
            };
            left = left.and_then(|left| Quantity::new(left.get() - kept.get()).ok());
            allocation.part.quantity = kept;
            true
        });
    }

    pub(super) fn sort_by_preference(&self, allocations: &mut [Allocation]) {
        allocations.sort_by_key(|allocation| self.batches[allocation.batch].preference());
    }

    /// Changes the quantity of an open line. A smaller quantity frees the units with the latest date.
    ///
    /// # Errors
    /// The larger quantity does not fit; the line is unchanged. The shortage counts the units that the line has.
    pub(crate) fn change_quantity(
        &mut self,
        line: LineIndex,
        to: Quantity,
        time: DecisionTime,
    ) -> Result<(), Shortage> {
        let LineSnapshot {
            mut terms, mut status, ..
        } = self.lines[line].snapshot();
        let from = core::mem::replace(&mut terms.quantity, to);
        match Quantity::new(i128::from(to.get()) - i128::from(from.get())) {
            _ if status.state == LineState::Backordered => {}
            Err(_) => self.reduce(&mut status, to),
            Ok(more) => self.raise(line, &terms, &mut status, more, time)?,
        }
        self.change_line(line, terms, status);
        Ok(())
    }

    /// Finds `more` units for a line that has units: the difference in the batch it is in, or, if it may be split, in any;
    /// a whole line that does not grow there moves to a batch that takes it whole.
    fn raise(
        &mut self,
        line: LineIndex,
        terms: &LineTerms,
        status: &mut LineStatus,
        more: Quantity,
        time: DecisionTime,
    ) -> Result<(), Shortage> {
        self.require_all_batches_for(&terms.locations);
        let difference = Search {
            wanted: more,
            ..Search::of(terms)
        };
        let mut draft = self.draft(time);
        let found = match (&*status.allocations, terms.split) {
            ([only], false) => draft.more_of(only.batch, difference),
            _ => draft.fit(difference),
        };
        let short = match found {
            Ok(added) => {
                self.add_units(status, added);
                return Ok(());
            }
            Err(short) => short,
        };
        let own = terms.quantity.units().saturating_sub(more.units());
        let (short, remedy) = if terms.split {
            let remedy = draft.remedy_on_these_terms(difference, short, Units::ZERO);
            (short.beside(own), remedy.beside(own))
        } else {
            let before = self.set_aside(line);
            let all = Search::of(terms);
            let mut draft = self.draft(time);
            let found = draft
                .fit(all)
                .map_err(|short| (short, draft.remedy_on_these_terms(all, short, own)));
            self.put_back(line, before);
            match found {
                Ok(allocations) => {
                    *status = LineStatus::with_units(allocations, terms.hold_until);
                    return Ok(());
                }
                Err(short) => short,
            }
        };
        self.require_all_batches();
        Err(short.of(terms.key.clone(), self.record.sku.clone(), terms.quantity, remedy))
    }

    /// Adds units to those of a line, joined with the units it has in the same batches.
    fn add_units(&self, status: &mut LineStatus, added: Vec<Allocation>) {
        for more in added {
            let mut allocations = status.allocations.iter_mut();
            match allocations.find(|allocation| allocation.batch == more.batch) {
                Some(allocation) => allocation.part.quantity = allocation.part.quantity.plus(more.part.quantity),
                None => status.allocations.push(more),
            }
        }
        self.sort_by_preference(&mut status.allocations);
    }
}
