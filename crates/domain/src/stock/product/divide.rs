//! A delivery that arrives in parts: what has arrived is the batch from now on, and the rest is a batch of its own.
//!
//! The rest is owed to the lines of the batch: it is there before any of them has to leave, and nobody else gets its units
//! before all of them have been gone through. They are gone through one by one, the last to leave first. A line stays if
//! it fits in what has arrived beside the lines before it; else it gets the best stock that is free at that time. So the
//! result is the same in however many transactions it is done, and no batch ever has more units committed than it holds,
//! after any of the events.

use super::Product;
use crate::answers::outcome::Effects;
use crate::commands::command::CreateBatch;
use crate::context::DecisionTime;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::LineState;
use crate::language::quantity::{Count, Units};
use crate::language::reason::MoveReason;
use crate::language::receipt::Receipt;
use crate::records::pending::{Arrival, PendingChange, PendingStep};
use crate::stock::batch::arrival_fact;
use crate::stock::cause::Cause;
use crate::stock::index::{BatchIndex, LineIndex};
use crate::stock::line::LineStatus;

impl Product {
    /// Receives a part of a batch, and leaves the rest as a batch of its own, which is returned.
    ///
    /// What was expected of the batch is then what has arrived: to undo the receipt brings no unit back that the rest has.
    pub(crate) fn receive_part(
        &mut self,
        batch: BatchIndex,
        receipt: Receipt,
        rest: &CreateBatch,
        recorder: &mut EventRecorder<'_>,
        effects: &mut Effects,
    ) -> BatchIndex {
        let rest = self.add_batch(rest, recorder);
        let arrival = Arrival::Received(receipt);
        let fact = arrival_fact(&self.batches[batch], arrival);
        self.record_fact(fact, recorder);
        self.batches[batch].set_arrival(arrival);
        self.insert_by_preference(batch);
        let change = PendingChange {
            reason: MoveReason::BatchReceived(self.batches[batch].reference().clone()),
            step: PendingStep::Divide {
                to: receipt.counted,
                kept: self.batches[batch].dispatched(),
                after: None,
            },
        };
        self.continue_change(batch, change, recorder, effects);
        effects.continues = self.record.pending.is_some();
        rest
    }

    /// Goes through the lines that were read of a batch of which a part has arrived. Its quantity falls with the lines
    /// that leave, to what has arrived. Returns what is left to do.
    pub(super) fn divide_page(
        &mut self,
        batch: BatchIndex,
        to: Count,
        mut kept: Units,
        cause: &Cause,
        recorder: &mut EventRecorder<'_>,
        effects: &mut Effects,
    ) -> Option<PendingStep> {
        let from = self.batches[batch].quantity();
        let (lines, last) = self.last_to_leave_first(batch);
        for line in lines {
            let units = self.units_in(batch, line);
            let is_excess = self.batches[batch].committed() > to.units();
            if is_excess && kept.plus(units) > to.units() {
                self.move_out(line, batch, to, recorder.time());
            } else {
                self.track(line);
            }
            kept = kept.plus(self.units_in(batch, line));
            // Each line's event follows on the change, so that the units it gets are free by the events before.
            self.redated = Some(batch);
            self.emit_line_events(cause, recorder, Some(effects));
        }
        let quantity = match &last {
            Some(_) => self.least_quantity(batch, to),
            None => to,
        };
        self.batches[batch].set_quantity(quantity);
        if quantity != from {
            let reference = self.batches[batch].reference().clone();
            let to = quantity;
            self.record_fact(Fact::BatchQuantityChanged { reference, from, to }, recorder);
        }
        last.map(|after| PendingStep::Divide {
            to,
            kept,
            after: Some(after),
        })
    }

    /// Takes a line out of a batch of which less has arrived, and finds other units for it. The units it leaves are
    /// gone.
    fn move_out(&mut self, line: LineIndex, batch: BatchIndex, to: Count, time: DecisionTime) {
        self.set_status(line, LineStatus::without_units(LineState::Backordered));
        let quantity = self.least_quantity(batch, to);
        self.batches[batch].set_quantity(quantity);
        if let Some(found) = self.find_units_for_move(line, true, time) {
            self.set_status(line, found);
        }
    }

    /// The quantity of a batch of which so much has arrived, while lines have more of it.
    fn least_quantity(&self, batch: BatchIndex, arrived: Count) -> Count {
        self.batches[batch].committed_count().max(arrived)
    }

    /// The units that a line has in a batch.
    fn units_in(&self, batch: BatchIndex, line: LineIndex) -> Units {
        let allocation = self.lines[line].allocation_in(batch);
        allocation.map_or(Units::ZERO, |allocation| allocation.part.quantity.units())
    }
}
