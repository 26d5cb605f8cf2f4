//! Better stock improves what was promised: lines move to stock that gives them an earlier date.
//!
//! Lines are gone through in order of service, so that a lower priority never takes what a higher one could use. What a
//! line leaves may serve whoever waits, and then others: as long as a line has moved, all are gone through again. Each
//! move gives an earlier date, so that comes to an end.

use alloc::vec::Vec;

use super::Product;
use crate::answers::outcome::Effects;
use crate::context::DecisionTime;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::LineState;
use crate::language::reason::MoveReason;
use crate::promising::Improve;
use crate::records::pending::{Pending, PendingImprovement};
use crate::stock::cause::Cause;
use crate::stock::draft::Search;
use crate::stock::index::LineIndex;
use crate::stock::line::LineStatus;

impl Product {
    /// The improvement that is due after a gain of stock, if any line could need it.
    pub(super) fn first_improvement(&self, improve: Improve) -> Option<Pending> {
        let is_due = match improve {
            Improve::Off => false,
            Improve::AtRisk => self.record.at_risk,
            Improve::All => true,
        };
        is_due.then_some(Pending::Improvement(PendingImprovement {
            improve,
            after: None,
            moved: false,
        }))
    }

    /// Moves those of the lines that were read to better stock that gain by it.
    pub(crate) fn improve(
        &mut self,
        pending: &PendingImprovement,
        recorder: &mut EventRecorder<'_>,
        effects: &mut Effects,
    ) {
        let time = recorder.time();
        let lines = self.lines_to_improve(pending.improve, time);
        if lines.is_empty() && pending.after.is_none() && self.improvable_until.is_none() {
            // All were read, and none is at risk that has units and could have others.
            self.record.at_risk = false;
        }
        let mut moved = pending.moved;
        for line in lines {
            moved |= self.move_to_better_stock(line, time);
        }
        self.emit_events(&Cause::Moved(MoveReason::Improved), recorder, Some(effects));
        let improve = pending.improve;
        self.record.pending = match self.improvable_until.take() {
            Some(last) => Some(Pending::Improvement(PendingImprovement {
                improve,
                after: Some(last),
                moved,
            })),
            None => moved.then_some(Pending::Backlog { after: None, improve }),
        };
    }

    /// The lines that were read and may move, in order of service.
    fn lines_to_improve(&self, improve: Improve, time: DecisionTime) -> Vec<LineIndex> {
        let lines = self.lines.iter_indexed();
        let may_move = lines.filter(|(_, line)| {
            line.state().holds_units()
                && !time.is_past(line.terms().hold_until)
                && (improve == Improve::All || self.is_at_risk(line, time.today))
        });
        let mut lines: Vec<LineIndex> = may_move.map(|(line, _)| line).collect();
        lines.sort_by_cached_key(|line| self.lines[*line].service_position());
        lines
    }

    /// Moves a line to other stock if that gives it an earlier date. Returns whether it has moved.
    ///
    /// It takes no more than what may be promised to others, its own units aside: what is kept back stays where it is.
    fn move_to_better_stock(&mut self, line: LineIndex, time: DecisionTime) -> bool {
        let before = self.lines[line].status().clone();
        let date = self.promise_date(&before, time.today);
        if date <= Some(time.today) {
            return false;
        }
        let terms = self.lines[line].terms().clone();
        self.require_all_batches_for(&terms.locations);
        if terms.quantity.units() > self.promisable(time) {
            self.require_all_batches();
            return false;
        }
        self.set_status(line, LineStatus::without_units(LineState::Backordered));
        let found = self.draft(time).fit(Search::of(&terms)).ok();
        if found.is_none() {
            self.require_all_batches();
        }
        let found = found.map(|allocations| LineStatus::with_units(allocations, terms.hold_until));
        let better = found.filter(|found| self.promise_date(found, time.today) < date);
        let moved = better.is_some();
        self.set_status(line, better.unwrap_or(before));
        moved
    }
}
