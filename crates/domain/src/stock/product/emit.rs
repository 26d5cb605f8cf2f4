//! Emitting events: what a command did to the lines of a product and to its stock, one net event for each line.

use alloc::vec::Vec;

use jiff::civil::Date;

use super::Product;
use crate::answers::outcome::{Effects, Moved, PromiseMoved};
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::{LineState, LineTerms, Part};
use crate::language::promise::Promise;
use crate::language::quantity::{Quantity, Units};
use crate::language::reason::{DeallocationReason, MoveReason};
use crate::promising::{promisable, promise_date};
use crate::stock::cause::Cause;
use crate::stock::index::{BatchIndex, LineIndex};
use crate::stock::line::{Line, LineSnapshot};

impl Product {
    /// Emits the events of the command: those of its lines, then StockDepleted or StockReplenished if the product
    /// crossed that line. Adds the effects on lines to `effects`, for the command's outcome.
    pub(crate) fn emit_events(
        &mut self,
        cause: &Cause,
        recorder: &mut EventRecorder<'_>,
        effects: Option<&mut Effects>,
    ) {
        self.emit_line_events(cause, recorder, effects);
        self.emit_stock_crossing(recorder);
    }

    /// Emits the net events of each line that the command changed; an unchanged line has none. For a command that is
    /// not done with the product: the product's own events follow later.
    ///
    /// The lines come in order of service. So the last of them is the one placed last, and the most recently allocated.
    pub(crate) fn emit_line_events(
        &mut self,
        cause: &Cause,
        recorder: &mut EventRecorder<'_>,
        mut effects: Option<&mut Effects>,
    ) {
        let mut tracked = core::mem::take(&mut self.tracked_lines);
        if tracked.len() > 1 {
            tracked.sort_by_cached_key(|(line, _)| self.lines[*line].service_position());
        }
        for (line, before) in tracked.drain(..) {
            self.lines[line].untrack();
            match before {
                None => {
                    if let Some(fact) = self.placing_fact(line, recorder.today()) {
                        self.record_line_fact(line, fact, recorder);
                        self.add_effect(line, recorder, &mut effects);
                    }
                }
                Some(before) => {
                    let facts = self.net_facts(line, &before, cause, recorder.today());
                    // A line that moved has left all of its batches.
                    if !facts.iter().any(|fact| matches!(fact, Fact::Reallocated { .. })) {
                        self.lines[line].keep_allocated_versions(&before);
                    }
                    for fact in facts {
                        self.record_line_fact(line, fact, recorder);
                        self.add_effect(line, recorder, &mut effects);
                    }
                }
            }
        }
        // The next command reuses the memory.
        self.tracked_lines = tracked;
        self.redated = None;
    }

    /// Records a fact about a line. Its version becomes that of what the fact tells first: that the line is placed, and
    /// that it has units.
    pub(super) fn record_line_fact(&mut self, index: LineIndex, fact: Fact, recorder: &mut EventRecorder<'_>) {
        let places = matches!(fact, Fact::Allocated { .. } | Fact::Backordered { .. });
        let allocates = matches!(fact, Fact::Allocated { .. } | Fact::Reallocated { .. });
        let dispatches = matches!(fact, Fact::Dispatched { .. });
        let line = &self.lines[index];
        let before = if places && line.placed_version().is_none() {
            // Whatever was promised to it before it ended does not count any more.
            Promise::NONE
        } else {
            line.promise()
        };
        let promise = fact.promise(before, line.terms().precedence.required_by());
        self.record_fact(fact, recorder);
        let (version, line) = (self.record.version, &mut self.lines[index]);
        line.set_promise(promise);
        if places && line.placed_version().is_none() {
            self.backlog.leave(|| line.service_position());
            line.set_placed_version(Some(version));
            if line.state() == LineState::Backordered {
                self.backlog.join(line.service_position(), index);
            }
        }
        if allocates {
            line.set_allocated_version(version);
        }
        if dispatches {
            line.set_dispatched_version(version);
        }
        let line = &self.lines[index];
        self.record.at_risk |= line.state().holds_units() && self.is_at_risk(line, recorder.today());
    }

    /// Emits StockDepleted or StockReplenished: exactly one for each crossing.
    fn emit_stock_crossing(&mut self, recorder: &mut EventRecorder<'_>) {
        let Some(in_stock) = self.is_in_stock() else {
            self.needs_all_batches = true;
            return;
        };
        if self.record.depleted == in_stock {
            self.record.depleted = !in_stock;
            let fact = if in_stock {
                Fact::StockReplenished
            } else {
                Fact::StockDepleted
            };
            self.record_fact(fact, recorder);
        }
    }

    /// Whether any units of the product can be promised. A product that never had a batch counts as in stock: it has
    /// not run out. `None`: batches that were not read decide it.
    fn is_in_stock(&self) -> Option<bool> {
        let mut available = Units::ZERO;
        for batch in self.offered() {
            available = available.plus(self.batches[*batch].available());
            if !promisable(available, self.record.safety_stock).is_zero() {
                return Some(true);
            }
        }
        match self.batch_page_end {
            Some(_) => None,
            None => Some(self.record.batches_created == 0),
        }
    }

    /// Adds what the fact that was recorded last says of a line to the effects.
    fn add_effect(&self, line: LineIndex, recorder: &EventRecorder<'_>, effects: &mut Option<&mut Effects>) {
        let (Some(effects), Some(fact)) = (effects, recorder.last()) else {
            return;
        };
        match fact {
            Fact::Reallocated {
                key,
                from,
                to,
                promised_from,
                promised_to,
                ..
            } => effects.reallocated.push(Moved {
                key: key.clone(),
                from: from.clone(),
                to: to.clone(),
                promised_from: *promised_from,
                promised_to: *promised_to,
            }),
            Fact::PromiseChanged { key, from, to, .. } => effects.promise_changed.push(PromiseMoved {
                key: key.clone(),
                from: *from,
                to: *to,
            }),
            Fact::Allocated { .. } => effects.allocated.push(self.view(line, recorder.today())),
            Fact::Backordered { .. } => effects.backordered.push(self.view(line, recorder.today())),
            _ => {}
        }
    }

    /// The fact for a line that the command placed. A refused line has none: its OutOfStock event says so.
    fn placing_fact(&self, line: LineIndex, today: Date) -> Option<Fact> {
        let line = &self.lines[line];
        match line.state() {
            LineState::Held | LineState::Allocated => Some(Fact::Allocated {
                line: line.terms().clone(),
                allocations: line.status().parts(),
                from_backlog: false,
                promised_on: self.date_of_units(line, today),
            }),
            LineState::Backordered => Some(Fact::Backordered {
                line: line.terms().clone(),
                from: Vec::new(),
                why: None,
            }),
            LineState::Refused | LineState::Cancelled | LineState::Expired | LineState::Dispatched => None,
        }
    }

    /// The facts that lead from a line as it was to the line as it is.
    fn net_facts(&self, index: LineIndex, before: &LineSnapshot, cause: &Cause, today: Date) -> Vec<Fact> {
        let line = &self.lines[index];
        let key = line.key().clone();
        let from = before.status.parts();
        let mut facts = Vec::new();
        if cause.move_reason() == Some(&MoveReason::OrderChanged)
            && let Some(facts) = self.facts_of_changed_order(index, before, today)
        {
            return facts;
        }
        let (left_before, left) = (before.dispatched.len(), line.dispatched().len());
        match (before.status.state, line.state()) {
            _ if left > left_before => {
                let leaving = line.dispatched()[left_before..].iter();
                facts.push(Fact::Dispatched {
                    key,
                    from: leaving.map(|units| units.part.clone()).collect(),
                    left: line.state().is_open().then(|| line.quantity()),
                });
            }
            _ if left < left_before => {
                facts.push(Fact::DispatchUndone {
                    key,
                    to: by_batch(before.dispatched.iter().map(|units| &units.part)),
                    promised_on: before.promise.on.unwrap_or_else(|| self.date_of_units(line, today)),
                });
                facts.extend(self.change_of_terms(index, before));
            }
            // The rest of a line of which a part had left was cancelled.
            (state_before, LineState::Dispatched) if state_before.is_open() => facts.push(Fact::Deallocated {
                key,
                from,
                why: deallocation_reason(cause),
                left: None,
                promised_on: before.promise.on,
            }),
            (state_before, LineState::Held | LineState::Allocated) if state_before.holds_units() => {
                self.add_facts_of_changed_units(index, before, cause, today, &mut facts);
            }
            (state_before, LineState::Held | LineState::Allocated) => facts.push(Fact::Allocated {
                line: line.terms().clone(),
                allocations: line.status().parts(),
                from_backlog: state_before == LineState::Backordered,
                promised_on: self.date_of_units(line, today),
            }),
            (_, LineState::Backordered) if line.is_as_in(before) => {}
            (LineState::Backordered, LineState::Backordered) if became_firm(&before.terms, line.terms()) => {
                if before.terms.quantity != line.quantity() {
                    facts.push(self.backordered(index, Vec::new(), None));
                }
                facts.push(Fact::Confirmed { key });
            }
            (_, LineState::Backordered) => {
                let why = cause.move_reason().filter(|_| !from.is_empty()).cloned();
                facts.push(self.backordered(index, from, why));
            }
            (state_before, state @ (LineState::Cancelled | LineState::Expired)) if state_before.is_open() => {
                let why = match deallocation_reason(cause) {
                    // To cancel a held line is to release its hold.
                    DeallocationReason::Cancelled
                        if state == LineState::Cancelled && before.terms.hold_until.is_some() =>
                    {
                        DeallocationReason::HoldReleased
                    }
                    reason => reason,
                };
                facts.push(Fact::Deallocated {
                    key,
                    from,
                    why,
                    left: None,
                    promised_on: None,
                });
            }
            // Its OutOfStock event says that it is refused; it still wants its units.
            (state_before, LineState::Refused) if state_before.holds_units() => facts.push(Fact::Deallocated {
                key,
                from,
                why: deallocation_reason(cause),
                left: Some(line.quantity()),
                promised_on: None,
            }),
            (_, LineState::Cancelled) if !line.is_as_in(before) => facts.push(Fact::Deallocated {
                key,
                from,
                why: deallocation_reason(cause),
                left: None,
                promised_on: None,
            }),
            (_, LineState::Refused | LineState::Cancelled | LineState::Expired | LineState::Dispatched) => {}
        }
        facts
    }

    fn backordered(&self, line: LineIndex, from: Vec<Part>, why: Option<MoveReason>) -> Fact {
        Fact::Backordered {
            line: self.lines[line].terms().clone(),
            from,
            why,
        }
    }

    /// The day for which a line that has units is promised when it is told today.
    pub(super) fn date_of_units(&self, line: &Line, today: Date) -> Date {
        let date = self.promise_date(line.status(), today);
        date.expect("a line in a state with units has units")
    }

    /// Adds the facts of a line that has other units because its customer wants others, or other terms.
    ///
    /// What was told stands for the units that it keeps: fewer units are not promised for later than all were, nor more
    /// for earlier.
    fn add_facts_of_asked_units(
        &self,
        index: LineIndex,
        before: &LineSnapshot,
        cause: &Cause,
        other_terms: bool,
        today: Date,
        facts: &mut Vec<Fact>,
    ) {
        let line = &self.lines[index];
        let (from, to) = (before.status.parts(), line.status().parts());
        let (freed, added) = (difference(&from, &to), difference(&to, &from));
        let now = self.date_of_units(line, today);
        let told = before.promise.on.unwrap_or(now);
        if !freed.is_empty() {
            let kept = before.status.allocated().iter().filter(|old| {
                let same_batch = line.allocation_in(old.batch);
                same_batch.is_some()
            });
            let kept = promise_date(kept.map(|old| self.batches[old.batch].eta()), today);
            facts.push(Fact::Deallocated {
                key: line.key().clone(),
                from: freed.clone(),
                why: deallocation_reason(cause),
                left: Some(line.quantity()),
                promised_on: kept.map(|kept| kept.min(told)),
            });
        }
        if other_terms || !added.is_empty() {
            let more = line.status().allocated().iter();
            let more = more.filter(|new| added.iter().any(|added| added.batch == new.part.batch));
            let more = promise_date(more.map(|new| self.batches[new.batch].eta()), today);
            facts.push(Fact::Allocated {
                line: line.terms().clone(),
                allocations: added,
                from_backlog: false,
                promised_on: match (freed.is_empty(), more) {
                    (true, None) => told,
                    (true, Some(more)) => more.max(told),
                    (false, None) => now.min(told),
                    (false, Some(_)) => now,
                },
            });
        }
    }

    /// Adds the facts of a line that had units before and has units now.
    fn add_facts_of_changed_units(
        &self,
        index: LineIndex,
        before: &LineSnapshot,
        cause: &Cause,
        today: Date,
        facts: &mut Vec<Fact>,
    ) {
        let line = &self.lines[index];
        let key = || line.key().clone();
        let (from, to) = (before.status.parts(), line.status().parts());
        let other_terms = *line.terms()
            != LineTerms {
                quantity: line.quantity(),
                hold_until: line.terms().hold_until,
                ..before.terms.clone()
            };
        // A line only moves if stock changed and the customer did not change the line.
        let move_reason = cause.move_reason();
        let moved = move_reason.is_some() && before.terms.quantity == line.quantity() && !other_terms;
        if !moved {
            self.add_facts_of_asked_units(index, before, cause, other_terms, today, facts);
        }
        let is_redated = |batch: BatchIndex| line.allocation_in(batch).is_some();
        let told_anew = from != to || self.redated.is_some_and(is_redated);
        let dates = before.promise.on.zip(self.promise_date(line.status(), today));
        if let (Some(why), Some((promised_from, promised_to)), true) = (move_reason, dates, told_anew) {
            if moved && from != to {
                facts.push(Fact::Reallocated {
                    key: key(),
                    from,
                    to,
                    why: why.clone(),
                    promised_from,
                    promised_to,
                });
            } else if promised_from != promised_to {
                facts.push(Fact::PromiseChanged {
                    key: key(),
                    from: promised_from,
                    to: promised_to,
                    why: why.clone(),
                });
            }
            let due_by = before.promise.due_by.filter(|due_by| *due_by < promised_to);
            if let Some(required_by) = due_by {
                facts.push(Fact::PromiseBroken {
                    key: key(),
                    required_by,
                    from: promised_from,
                    to: promised_to,
                    why: why.clone(),
                });
            }
        }
        if before.status.state == LineState::Held && line.state() == LineState::Allocated {
            facts.push(Fact::Confirmed { key: key() });
        }
    }
}

fn deallocation_reason(cause: &Cause) -> DeallocationReason {
    let reason = cause.deallocation_reason();
    reason.expect("only a command that frees units takes them from a line")
}

/// Whether a line lost its deadline.
const fn became_firm(before: &LineTerms, now: &LineTerms) -> bool {
    before.hold_until.is_some() && now.hold_until.is_none()
}

/// The sums of units by batch.
fn by_batch<'p>(parts: impl Iterator<Item = &'p Part>) -> Vec<Part> {
    let mut sums: Vec<Part> = Vec::new();
    for part in parts {
        match sums.iter_mut().find(|sum| sum.batch == part.batch) {
            Some(sum) => sum.quantity = sum.quantity.plus(part.quantity),
            None => sums.push(part.clone()),
        }
    }
    sums
}

/// The units in `parts` that are not in `others`.
fn difference(parts: &[Part], others: &[Part]) -> Vec<Part> {
    let rest = parts.iter().filter_map(|part| {
        let other = others.iter().find(|other| other.batch == part.batch);
        let units = other.map_or(0, |other| i128::from(other.quantity.get()));
        let quantity = Quantity::new(i128::from(part.quantity.get()) - units).ok()?;
        Some(Part {
            batch: part.batch.clone(),
            quantity,
        })
    });
    rest.collect()
}
