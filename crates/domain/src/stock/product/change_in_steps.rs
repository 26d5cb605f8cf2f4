//! A change of a batch with more lines than one transaction goes through, in steps that are stored one by one.
//!
//! First lines leave the batch, page by page, the quantity of the batch falling with them, until the batch holds no more
//! than its new quantity. They wait in the backlog: if they were placed again page by page, those that leave first, the
//! last in the order of service, would take the best of the other stock. Then the batch gets its new ETA, and its lines
//! are gone through page by page, the last to leave the batch first. In the end the backlog is served.

use alloc::vec::Vec;

use super::Product;
use crate::answers::outcome::Effects;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::LineState;
use crate::language::quantity::{Count, Units};
use crate::language::reason::MoveReason;
use crate::records::pending::{Arrival, Pending, PendingChange, PendingStep, ReleasePosition};
use crate::stock::batch::{BatchChange, arrival_fact};
use crate::stock::cause::Cause;
use crate::stock::index::{BatchIndex, LineIndex};
use crate::stock::line::LineStatus;

impl Product {
    /// Begins a change of a batch of which not all lines were read. The first of them were.
    pub(crate) fn begin_change(
        &mut self,
        batch: BatchIndex,
        change: BatchChange,
        reason: MoveReason,
        recorder: &mut EventRecorder<'_>,
        effects: &mut Effects,
    ) {
        let to = change.quantity.unwrap_or(self.batches[batch].quantity());
        let arrival = change.arrival;
        let step = PendingStep::Release { to, arrival };
        self.continue_change(batch, PendingChange { reason, step }, recorder, effects);
        effects.continues = self.record.pending.is_some();
    }

    /// Carries a change out for the lines of the batch that were read.
    pub(crate) fn continue_change(
        &mut self,
        batch: BatchIndex,
        change: PendingChange,
        recorder: &mut EventRecorder<'_>,
        effects: &mut Effects,
    ) {
        let PendingChange { reason, step } = change;
        let cause = Cause::Moved(reason.clone());
        let next = match step {
            PendingStep::Release { to, arrival } => self.release_page(batch, to, arrival, &reason, recorder),
            PendingStep::Redate { .. } => {
                self.redated = Some(batch);
                let last = self.redate_page(batch, recorder);
                last.map(|after| PendingStep::Redate { after: Some(after) })
            }
            PendingStep::Divide { to, kept, .. } => self.divide_page(batch, to, kept, &cause, recorder, effects),
        };
        match next {
            None => self.serve_backlog(recorder.time(), recorder.improve()),
            Some(step) => self.record.pending = Some(Pending::Change(PendingChange { reason, step })),
        }
        if self.is_dividing() {
            // What is free of the rest is owed to lines that have not moved yet: it is not in stock.
            self.emit_line_events(&cause, recorder, Some(effects));
        } else {
            self.emit_events(&cause, recorder, Some(effects));
        }
    }

    /// Whether lines have still to be divided between what has arrived of a batch and its rest.
    fn is_dividing(&self) -> bool {
        let Some(Pending::Change(change)) = &self.record.pending else {
            return false;
        };
        matches!(change.step, PendingStep::Divide { .. })
    }

    /// Releases the lines that were read, as far as they have to leave the batch, and follows with its quantity. Returns
    /// what is left to do.
    fn release_page(
        &mut self,
        batch: BatchIndex,
        to: Count,
        arrival: Option<Arrival>,
        reason: &MoveReason,
        recorder: &mut EventRecorder<'_>,
    ) -> Option<PendingStep> {
        let from = self.batches[batch].quantity();
        let excess = self.batches[batch].committed().saturating_sub(to.units());
        let read = self.lines_in(batch);
        let units = read.iter().filter_map(|line| self.lines[*line].allocation_in(batch));
        let enough = units.map(|allocation| allocation.part.quantity.units()).sum::<Units>() >= excess;
        let leaving = if enough {
            self.lines_to_release(batch, excess)
        } else {
            read
        };
        for line in leaving {
            self.set_status(line, LineStatus::without_units(LineState::Backordered));
        }
        let quantity = if enough {
            to
        } else {
            self.batches[batch].committed_count()
        };
        let reference = self.batches[batch].reference().clone();
        if enough && matches!(reason, MoveReason::BatchCancelled(_)) {
            self.record_fact(Fact::BatchCancelled { reference, from, to }, recorder);
            self.batches[batch].close();
        } else if quantity != from {
            let to = quantity;
            self.record_fact(Fact::BatchQuantityChanged { reference, from, to }, recorder);
        }
        self.batches[batch].set_quantity(quantity);
        if !enough {
            return Some(PendingStep::Release { to, arrival });
        }
        let arrival = arrival?;
        let fact = arrival_fact(&self.batches[batch], arrival);
        self.record_fact(fact, recorder);
        self.batches[batch].set_arrival(arrival);
        self.insert_by_preference(batch);
        self.tell_delay(batch, recorder);
        Some(PendingStep::Redate { after: None })
    }

    /// Goes through the lines that were read of a batch that has another ETA. Returns the position of the last, if
    /// there are more.
    fn redate_page(&mut self, batch: BatchIndex, recorder: &EventRecorder<'_>) -> Option<ReleasePosition> {
        let (lines, last) = self.last_to_leave_first(batch);
        for line in &lines {
            self.track(*line);
        }
        self.move_to_earlier_stock(&lines, recorder.time());
        last
    }

    /// The lines of a batch that were read, the last to leave it first, and the position of the last of them, if there
    /// are more.
    pub(super) fn last_to_leave_first(&self, batch: BatchIndex) -> (Vec<LineIndex>, Option<ReleasePosition>) {
        let lines = self.lines.iter_indexed();
        let positions = lines.filter_map(|(index, line)| Some((line.release_position(batch)?, index)));
        let mut page: Vec<(ReleasePosition, LineIndex)> = positions.collect();
        page.sort_by(|a, b| b.cmp(a));
        let last = page.last().map(|(position, _)| position.clone());
        let lines = page.into_iter().map(|(_, line)| line).collect();
        (lines, last.filter(|_| self.are_lines_cut(batch)))
    }
}
