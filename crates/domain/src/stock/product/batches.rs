//! What happens to batches: they are created, counted, put off, received and cancelled, and units are kept back.

use alloc::vec::Vec;

use super::Product;
use crate::answers::outcome::Effects;
use crate::commands::command::CreateBatch;
use crate::context::DecisionTime;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::LineState;
use crate::language::name::ProductName;
use crate::language::quantity::{Count, Units};
use crate::language::reason::MoveReason;
use crate::promising::is_overdue;
use crate::records::batch::BatchRecord;
use crate::records::pending::Arrival;
use crate::stock::batch::{Batch, BatchChange};
use crate::stock::cause::Cause;
use crate::stock::draft::Search;
use crate::stock::index::{BatchIndex, LineIndex};
use crate::stock::line::LineStatus;

impl Product {
    /// Names the product. Returns `false` if it has that name already.
    pub(crate) fn rename(&mut self, name: &ProductName, recorder: &mut EventRecorder<'_>) -> bool {
        if self.record.name.as_ref() == Some(name) {
            return false;
        }
        self.record.name = Some(name.clone());
        self.record_fact(Fact::ProductNamed { name: name.clone() }, recorder);
        true
    }

    /// Sets the safety stock, and serves the backlog if it is smaller than before. Returns `false` if it is the same.
    pub(crate) fn set_safety_stock(
        &mut self,
        units: Count,
        recorder: &mut EventRecorder<'_>,
        effects: &mut Effects,
    ) -> bool {
        let from = core::mem::replace(&mut self.record.safety_stock, units);
        if from == units {
            return false;
        }
        self.record_fact(Fact::SafetyStockChanged { from, to: units }, recorder);
        if units < from {
            self.serve_backlog(recorder.time(), recorder.improve());
        }
        effects.continues |= self.record.pending.is_some();
        self.emit_events(&Cause::NewPromise, recorder, Some(effects));
        true
    }

    /// Adds a batch and serves the backlog from it.
    pub(crate) fn create_batch(
        &mut self,
        create: &CreateBatch,
        recorder: &mut EventRecorder<'_>,
        effects: &mut Effects,
    ) -> BatchIndex {
        let batch = self.add_batch(create, recorder);
        self.serve_backlog(recorder.time(), recorder.improve());
        self.emit_events(&Cause::NewPromise, recorder, Some(effects));
        effects.continues |= self.record.pending.is_some();
        batch
    }

    /// Adds a batch, and serves nobody from it.
    pub(super) fn add_batch(&mut self, create: &CreateBatch, recorder: &mut EventRecorder<'_>) -> BatchIndex {
        self.record.batches_created += 1;
        let ordinal = self.record.batches_created;
        let (reference, sku) = (create.reference.clone(), self.record.sku.clone());
        let batch = self.batches.push(Batch::new(BatchRecord {
            location: create.location.clone(),
            ..BatchRecord::new(reference, sku, ordinal, create.quantity, create.eta)
        }));
        self.insert_by_preference(batch);
        self.record_fact(
            Fact::BatchCreated {
                reference: create.reference.clone(),
                location: create.location.clone(),
                ordinal,
                quantity: create.quantity,
                eta: create.eta,
            },
            recorder,
        );
        self.tell_delay(batch, recorder);
        batch
    }

    /// Puts a batch that is new or has a new ETA in its position in preference order.
    pub(super) fn insert_by_preference(&mut self, batch: BatchIndex) {
        self.by_preference.retain(|other| *other != batch);
        let preference = self.batches[batch].preference();
        let position = self
            .by_preference
            .partition_point(|other| self.batches[*other].preference() < preference);
        self.by_preference.insert(position, batch);
    }

    /// Changes a batch. Lines that no longer fit are released and placed again, best first. If the batch arrives later,
    /// its lines move to other stock that arrives earlier. What is available then serves the backlog. The quantity must
    /// not be below what has been dispatched.
    pub(crate) fn change_batch(
        &mut self,
        batch: BatchIndex,
        change: BatchChange,
        cause: &Cause,
        recorder: &mut EventRecorder<'_>,
        effects: &mut Effects,
    ) {
        let (from, eta_before) = (self.batches[batch].quantity(), self.batches[batch].eta());
        let to = change.quantity.unwrap_or(from);
        let eta = change.arrival.map_or(eta_before, Arrival::eta);
        if eta != eta_before {
            self.redated = Some(batch);
            for line in self.lines_in(batch) {
                self.track(line);
            }
        }
        let excess = self.batches[batch].committed().saturating_sub(to.units());
        let released: Vec<(LineIndex, LineStatus)> = self
            .lines_to_release(batch, excess)
            .into_iter()
            .map(|line| (line, self.lines[line].status().clone()))
            .collect();
        for (line, _) in &released {
            self.set_status(*line, LineStatus::without_units(LineState::Backordered));
        }
        self.batches[batch].set_quantity(to);
        if change.close {
            self.batches[batch].close();
        }
        if let Some(arrival) = change.arrival {
            self.batches[batch].set_arrival(arrival);
            self.insert_by_preference(batch);
            self.tell_delay(batch, recorder);
            let mut lines = self.lines_in(batch);
            lines.sort_by_cached_key(|line| self.lines[*line].service_position());
            self.move_to_earlier_stock(&lines, recorder.time());
        }
        for (line, before) in released.iter().rev() {
            self.move_released(*line, before, recorder.time());
        }
        if to > from || !released.is_empty() || eta != eta_before {
            self.serve_backlog(recorder.time(), recorder.improve());
        }
        self.emit_events(cause, recorder, Some(effects));
        effects.continues |= self.record.pending.is_some();
    }

    /// Tells that a batch is overdue, if it is and that was not told.
    pub(super) fn tell_delay(&mut self, batch: BatchIndex, recorder: &mut EventRecorder<'_>) {
        let Some(eta) = self.batches[batch].untold_delay(recorder.today()) else {
            return;
        };
        let reference = self.batches[batch].reference().clone();
        self.record_fact(Fact::BatchOverdue { reference, eta }, recorder);
        self.batches[batch].set_overdue();
        self.record.at_risk |= !self.batches[batch].record().allocated.is_zero();
    }

    /// Tells what the day alone has changed: batches that are overdue, and lines on them that can't leave by the day they
    /// are required by.
    pub(crate) fn pass_day(&mut self, recorder: &mut EventRecorder<'_>) {
        for batch in self.batches.indices() {
            self.tell_delay(batch, recorder);
        }
        let mut broken: Vec<(LineIndex, Fact)> = Vec::new();
        for (index, line) in self.lines.iter_indexed() {
            let mut batches = line.status().allocated().iter();
            let overdue = batches.find(|allocation| is_overdue(self.batches[allocation.batch].eta(), recorder.today()));
            let promise = line.promise();
            let earliest = self.promise_date(line.status(), recorder.today());
            if let (Some(overdue), Some(required_by), Some(from), Some(to)) =
                (overdue, promise.due_by, promise.on, earliest)
                && to > required_by
            {
                broken.push((
                    index,
                    Fact::PromiseBroken {
                        key: line.key().clone(),
                        required_by,
                        from,
                        to,
                        why: MoveReason::BatchOverdue(overdue.part.batch.clone()),
                    },
                ));
            }
        }
        broken.sort_by_cached_key(|(line, _)| self.lines[*line].service_position());
        for (line, fact) in broken {
            self.record_line_fact(line, fact, recorder);
        }
    }

    /// The lines with units in a batch.
    pub(super) fn lines_in(&self, batch: BatchIndex) -> Vec<LineIndex> {
        let lines = self.lines.iter_indexed();
        let with_units = lines.filter(|(_, line)| line.allocation_in(batch).is_some());
        with_units.map(|(line, _)| line).collect()
    }

    /// Whether the lines that were read may be the wrong ones to choose those from that leave a batch when it is counted:
    /// others have been allocated to it since, and may have to stay while lines leave that were not read.
    pub(crate) fn may_release_unread_lines(&self, batch: BatchIndex, to: Count) -> bool {
        let counted = &self.batches[batch];
        if counted.committed() <= to.units() || !counted.has_earmarked() {
            return false;
        }
        let lines = self.lines.iter();
        let read = lines.filter_map(|line| line.allocation_in(batch));
        let read: Units = read.map(|allocation| allocation.part.quantity.units()).sum();
        read != counted.record().allocated
    }

    /// Moves lines of a batch whose ETA changed, one after the other, to other stock if that gives an earlier date. A
    /// line whose date is no later than was told stays.
    pub(super) fn move_to_earlier_stock(&mut self, lines: &[LineIndex], time: DecisionTime) {
        for &line in lines {
            let status = self.lines[line].status().clone();
            let promise = self.promise_date(&status, time.today);
            if promise <= self.lines[line].promise().on.max(Some(time.today)) {
                continue;
            }
            self.set_status(line, LineStatus::without_units(LineState::Backordered));
            let elsewhere = self.find_units_for_move(line, false, time);
            let earlier = elsewhere.filter(|found| self.promise_date(found, time.today) < promise);
            self.set_status(line, earlier.unwrap_or(status));
        }
    }

    /// Places a released line again if it fits. If it gets the same units as before, it has not moved.
    fn move_released(&mut self, line: LineIndex, before: &LineStatus, time: DecisionTime) {
        if let Some(found) = self.find_units_for_move(line, true, time) {
            let same = found.parts() == before.parts();
            self.set_status(line, if same { before.clone() } else { found });
        }
    }

    /// Finds units for a line that moves; `has_none`: because it lost the units it had.
    pub(super) fn find_units_for_move(
        &mut self,
        line: LineIndex,
        has_none: bool,
        time: DecisionTime,
    ) -> Option<LineStatus> {
        let terms = self.lines[line].terms();
        let draft = self.draft_of_moves(time);
        let mut draft = if has_none { draft.or_long_overdue() } else { draft };
        let found = draft.fit(Search::of(terms)).ok();
        // Behind the page there may be stock that is not late by as much.
        let is_last_of_all = found.as_ref().is_some_and(|allocations| {
            let mut etas = allocations
                .iter()
                .map(|allocation| self.batches[allocation.batch].eta());
            etas.any(|eta| !time.offers(eta))
        });
        let found = found.map(|allocations| LineStatus::with_units(allocations, terms.hold_until));
        if found.is_none() || is_last_of_all || !terms.locations.is_any() {
            self.require_all_batches();
        }
        found
    }

    /// The lines that have to leave a batch so that it loses `excess` units, in the order they leave: the lowest
    /// release rank first, then the most recently allocated, then the last in order of service.
    ///
    /// No more lines than needed: of the chosen lines those that still fit stay, best first.
    pub(super) fn lines_to_release(&self, batch: BatchIndex, excess: Units) -> Vec<LineIndex> {
        if excess.is_zero() {
            return Vec::new();
        }
        let mut candidates: Vec<_> = self
            .lines
            .iter_indexed()
            .filter_map(|(index, line)| {
                let units = line.allocation_in(batch)?.part.quantity.units();
                Some((line.release_position(batch)?, units, index))
            })
            .collect();
        candidates.sort();
        let mut freed = Units::ZERO;
        let mut chosen = Vec::new();
        for (_, units, line) in candidates {
            if freed >= excess {
                break;
            }
            freed = freed.plus(units);
            chosen.push((line, units));
        }
        assert!(freed >= excess, "the lines to release were read");
        let mut spare = freed.saturating_sub(excess);
        let mut leaving: Vec<LineIndex> = Vec::with_capacity(chosen.len());
        for (line, units) in chosen.into_iter().rev() {
            match spare.checked_sub(units) {
                Some(left) => spare = left,
                None => leaving.push(line),
            }
        }
        leaving.reverse();
        leaving
    }
}
