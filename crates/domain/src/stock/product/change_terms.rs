//! The terms of an order change: the precedence of its lines, and where their units may come from.
//!
//! A line whose units are where they may no longer come from moves to other stock, or waits. What was told stands for
//! all others, and is broken if they can't leave by the day that they are required by now.

use alloc::vec::Vec;

use jiff::civil::Date;

use super::Product;
use crate::answers::outcome::Effects;
use crate::context::DecisionTime;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::LineState;
use crate::language::locations::Locations;
use crate::language::reason::MoveReason;
use crate::language::terms_change::TermsChange;
use crate::promising::Improve;
use crate::stock::cause::Cause;
use crate::stock::index::LineIndex;
use crate::stock::line::{LineSnapshot, LineStatus};

impl Product {
    /// Changes the terms of an order's open lines, and emits the events of it.
    ///
    /// A line that leaves where it was may serve others, and one that waits may be served by stock elsewhere; a line that
    /// is at risk by now may have better stock. Neither follows from a priority alone.
    pub(crate) fn change_terms(
        &mut self,
        lines: &[LineIndex],
        change: &TermsChange,
        recorder: &mut EventRecorder<'_>,
        effects: &mut Effects,
    ) {
        self.change_terms_of_lines(lines, change, recorder.time());
        match recorder.improve() {
            improve if change.locations.is_some() => self.serve_backlog(recorder.time(), improve),
            Improve::AtRisk if change.required_by.is_some() => {
                self.record.pending = self.first_improvement(Improve::AtRisk);
            }
            _ => {}
        }
        self.emit_events(&Cause::Moved(MoveReason::OrderChanged), recorder, Some(effects));
        effects.continues |= self.record.pending.is_some();
    }

    fn change_terms_of_lines(&mut self, lines: &[LineIndex], change: &TermsChange, time: DecisionTime) {
        let mut leaving = Vec::new();
        for &index in lines {
            let LineSnapshot {
                terms, status, promise, ..
            } = self.lines[index].snapshot();
            let required_before = terms.precedence.required_by();
            let terms = change.of_open_line(&terms);
            let required_by = terms.precedence.required_by();
            if self.has_units_elsewhere(&status, &terms.locations) {
                leaving.push(index);
                self.change_line(index, terms, LineStatus::without_units(LineState::Backordered));
                continue;
            }
            self.change_line(index, terms, status);
            if required_by != required_before {
                self.lines[index].set_promise(promise.required(required_by));
            }
            let line = &self.lines[index];
            self.record.at_risk |= line.state().holds_units() && self.is_at_risk(line, time.today);
        }
        leaving.sort_by_cached_key(|line| self.lines[*line].service_position());
        for line in leaving {
            if let Some(found) = self.find_units_for_move(line, true, time) {
                self.set_status(line, found);
            }
        }
    }

    /// Whether a line with this status has units at a location that is not one of these.
    fn has_units_elsewhere(&self, status: &LineStatus, locations: &Locations) -> bool {
        let mut batches = status
            .allocated()
            .iter()
            .map(|allocation| self.batches[allocation.batch].record());
        !locations.is_any() && batches.any(|batch| !locations.as_slice().contains(&batch.location))
    }

    /// The fact that a line has other terms than before, if it has: its quantity and its deadline aside, which other facts
    /// tell.
    pub(super) fn change_of_terms(&self, index: LineIndex, before: &LineSnapshot) -> Option<Fact> {
        let (terms, before) = (self.lines[index].terms(), &before.terms);
        let changed = terms.precedence != before.precedence || terms.locations != before.locations;
        changed.then(|| Fact::LineChanged { line: terms.clone() })
    }

    /// The facts that lead from a line as it was to the line as it is, after the terms of its order changed. `None`: it
    /// got units that it waited for, or lost those that it had, and the fact of that has its terms.
    pub(super) fn facts_of_changed_order(
        &self,
        index: LineIndex,
        before: &LineSnapshot,
        today: Date,
    ) -> Option<Vec<Fact>> {
        let line = &self.lines[index];
        let key = || line.key().clone();
        let mut facts = Vec::from_iter(self.change_of_terms(index, before));
        match (before.status.state, line.state()) {
            (was, is) if was.holds_units() && is.holds_units() => {}
            (was, is) if was == is => return Some(facts),
            _ => return None,
        }
        let (from, to) = (before.status.parts(), line.status().parts());
        let told = before.promise.on.unwrap_or_else(|| self.date_of_units(line, today));
        let mut promised_to = told;
        if from != to {
            promised_to = self.date_of_units(line, today);
            facts.push(Fact::Reallocated {
                key: key(),
                from,
                to,
                why: MoveReason::OrderChanged,
                promised_from: told,
                promised_to,
            });
        }
        let was_broken = before.terms.precedence.required_by().is_some() && before.promise.due_by.is_none();
        let missed = line.terms().precedence.required_by().filter(|day| *day < promised_to);
        if let (Some(required_by), false) = (missed, was_broken) {
            facts.push(Fact::PromiseBroken {
                key: key(),
                required_by,
                from: told,
                to: promised_to,
                why: MoveReason::OrderChanged,
            });
        }
        Some(facts)
    }
}
