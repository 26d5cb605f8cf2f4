//! Telling: the events that say what a command did to the lines of a product, and to what is left of it.

use alloc::vec::Vec;

use jiff::civil::Date;

use super::Product;
use crate::batch::promise_date;
use crate::event::{Fact, LineTerms};
use crate::event_recorder::EventRecorder;
use crate::line::{Allocation, LineSnapshot, LineState, LineStatus, Part};
use crate::outcome::{Effects, Moved, PromiseMoved};
use crate::quantity::{Quantity, Units};
use crate::reason::{DeallocationReason, MoveReason};

/// Why a command changes lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Why {
    /// Why a line moves or is promised for another date; `None`: the command moves none.
    pub(crate) moved: Option<MoveReason>,
    /// Why a line holds less than before.
    pub(crate) freed: DeallocationReason,
}

impl Why {
    /// The command promises, and takes nothing from anybody.
    pub(crate) const NEW_PROMISE: Self = Self::freed(DeallocationReason::Cancelled);

    /// Lines hold less for this reason, and none moves.
    pub(crate) const fn freed(freed: DeallocationReason) -> Self {
        Self { moved: None, freed }
    }

    /// Lines move for this reason.
    pub(crate) const fn moved(why: MoveReason) -> Self {
        Self {
            moved: Some(why),
            freed: DeallocationReason::Cancelled,
        }
    }
}

impl Product {
    /// Tells what the command did to each line: one net event a line, none for a line that is what it was; and whether
    /// the product ran out, or came back. `effects` are for those to whom it is shown.
    pub(crate) fn settle(&mut self, why: &Why, recorder: &mut EventRecorder<'_>, effects: Option<&mut Effects>) {
        self.settle_lines(why, recorder, effects);
        self.tell_crossing(recorder);
    }

    /// Tells what the command did to each line, and nothing of the product: more is about to be done to it.
    pub(crate) fn settle_lines(
        &mut self,
        why: &Why,
        recorder: &mut EventRecorder<'_>,
        mut effects: Option<&mut Effects>,
    ) {
        let mut touched = core::mem::take(&mut self.touched);
        for (place, before) in touched.drain(..) {
            self.lines[place].settle();
            match before {
                None => {
                    if let Some(fact) = self.first_fact(place) {
                        self.show(&fact, place, recorder.today(), &mut effects);
                        self.happened(fact, recorder);
                    }
                }
                Some(was) => {
                    for fact in self.net_facts(place, &was, why, recorder.today()) {
                        self.show(&fact, place, recorder.today(), &mut effects);
                        self.happened(fact, recorder);
                    }
                }
            }
        }
        // Its room is good for the next command.
        self.touched = touched;
        self.eta_before = None;
    }

    /// Tells that nothing is left to be promised, or that something is there again: once a crossing.
    fn tell_crossing(&mut self, recorder: &mut EventRecorder<'_>) {
        let Some(something) = self.has_something() else {
            // More has to be read before this can be said; the decision is taken anew.
            self.needs_all_batches = true;
            return;
        };
        if self.record.depleted == something {
            self.record.depleted = !something;
            let fact = if something {
                Fact::StockReplenished
            } else {
                Fact::StockDepleted
            };
            self.happened(fact, recorder);
        }
    }

    /// Whether anything of it can be promised. Something that never was has not run out. `None`: that depends on more
    /// batches than are at hand.
    fn has_something(&self) -> Option<bool> {
        let kept_back = self.record.safety_stock.units();
        let mut sum = Units::ZERO;
        for place in self.offered() {
            let units = self.batches[*place].available();
            sum = sum.plus(units);
            if sum > kept_back {
                return Some(true);
            }
        }
        match self.offer_ends {
            // Behind the cut there was something; whether there still is can't be seen from here.
            Some(_) => None,
            None => Some(self.record.batches_created == 0),
        }
    }

    /// Adds what happened to the line at a place to what is shown.
    fn show(&self, fact: &Fact, place: usize, today: Date, effects: &mut Option<&mut Effects>) {
        let Some(effects) = effects else { return };
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
            Fact::Allocated { .. } => effects.allocated.push(self.view(place, today)),
            Fact::Backordered { .. } => effects.backordered.push(self.view(place, today)),
            _ => {}
        }
    }

    /// When a line could leave that stood so, before the command.
    pub(super) fn promise_before(&self, standing: &LineStatus, today: Date) -> Option<Date> {
        let eta = |held: &Allocation| match self.eta_before {
            Some((place, eta)) if place == held.place => eta,
            _ => self.batches[held.place].eta(),
        };
        promise_date(standing.earmarked().iter().map(eta), today)
    }

    /// The fact that says how a line stands that was not there before; none for one that was refused, as its OutOfStock
    /// event has told it.
    fn first_fact(&self, place: usize) -> Option<Fact> {
        let line = &self.lines[place];
        match line.state() {
            LineState::Held | LineState::Allocated => Some(Fact::Allocated {
                line: line.terms().clone(),
                allocations: line.standing().parts(),
                from_backlog: false,
            }),
            LineState::Backordered => Some(Fact::Backordered {
                line: line.terms().clone(),
                from: Vec::new(),
                why: None,
            }),
            LineState::Refused | LineState::Cancelled | LineState::Expired | LineState::Dispatched => None,
        }
    }

    /// The facts that say how the line at a place came from what it was to what it is.
    fn net_facts(&self, place: usize, was: &LineSnapshot, why: &Why, today: Date) -> Vec<Fact> {
        let line = &self.lines[place];
        let key = line.key().clone();
        let from = was.standing.parts();
        let mut facts = Vec::new();
        match (was.standing.state, line.state()) {
            (LineState::Dispatched, LineState::Allocated) => {
                let to = line.standing().parts();
                facts.push(Fact::DispatchUndone { key, to });
            }
            (_, LineState::Dispatched) if !line.is(was) => facts.push(Fact::Dispatched { key, from }),
            (before, LineState::Held | LineState::Allocated) if before.holds_units() => {
                self.changed_units(place, was, why, today, &mut facts);
            }
            (before, LineState::Held | LineState::Allocated) => facts.push(Fact::Allocated {
                line: line.terms().clone(),
                allocations: line.standing().parts(),
                from_backlog: before == LineState::Backordered,
            }),
            (_, LineState::Backordered) if line.is(was) => {}
            (LineState::Backordered, LineState::Backordered) if made_firm(&was.terms, line.terms()) => {
                if was.terms.quantity != line.quantity() {
                    facts.push(self.waits(place, Vec::new(), None));
                }
                facts.push(Fact::Confirmed { key });
            }
            (_, LineState::Backordered) => {
                let why = why.moved.as_ref().filter(|_| !from.is_empty()).cloned();
                facts.push(self.waits(place, from, why));
            }
            (before, LineState::Cancelled | LineState::Expired) if before.is_open() => {
                let why = match line.state() {
                    LineState::Cancelled
                        if was.terms.hold_until.is_some() && why.freed == DeallocationReason::Cancelled =>
                    {
                        DeallocationReason::HoldReleased
                    }
                    _ => why.freed,
                };
                facts.push(Fact::Deallocated {
                    key,
                    from,
                    why,
                    left: None,
                });
            }
            // That it did not fit has been told; it is wanted all the same.
            (before, LineState::Refused) if before.holds_units() => facts.push(Fact::Deallocated {
                key,
                from,
                why: why.freed,
                left: Some(line.quantity()),
            }),
            (_, LineState::Cancelled) if !line.is(was) => facts.push(Fact::Deallocated {
                key,
                from,
                why: why.freed,
                left: None,
            }),
            (_, LineState::Refused | LineState::Cancelled | LineState::Expired | LineState::Dispatched) => {}
        }
        facts
    }

    fn waits(&self, place: usize, from: Vec<Part>, why: Option<MoveReason>) -> Fact {
        Fact::Backordered {
            line: self.lines[place].terms().clone(),
            from,
            why,
        }
    }

    /// What is told of a line that had units before and has units now.
    fn changed_units(&self, place: usize, was: &LineSnapshot, why: &Why, today: Date, facts: &mut Vec<Fact>) {
        let line = &self.lines[place];
        let key = || line.key().clone();
        let (from, to) = (was.standing.parts(), line.standing().parts());
        let same_but_for_units = LineTerms {
            quantity: line.quantity(),
            hold_until: line.terms().hold_until,
            ..was.terms.clone()
        };
        let on_other_terms = same_but_for_units != *line.terms();
        // A line moves only for a reason; without one, its owner has changed what it is to have.
        let moved = why.moved.is_some() && was.terms.quantity == line.quantity() && !on_other_terms;
        if !moved {
            let freed = less(&from, &to);
            if !freed.is_empty() {
                facts.push(Fact::Deallocated {
                    key: key(),
                    from: freed,
                    why: why.freed,
                    left: Some(line.quantity()),
                });
            }
            let added = less(&to, &from);
            if on_other_terms || !added.is_empty() {
                facts.push(Fact::Allocated {
                    line: line.terms().clone(),
                    allocations: added,
                    from_backlog: false,
                });
            }
        }
        let dates = self
            .promise_before(&was.standing, today)
            .zip(self.promise(line.standing(), today));
        if let (Some(why), Some((promised_from, promised_to))) = (&why.moved, dates) {
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
            let required_by = line.terms().precedence.required_by();
            if let Some(required_by) = required_by.filter(|day| promised_from <= *day && *day < promised_to) {
                facts.push(Fact::PromiseBroken {
                    key: key(),
                    required_by,
                    from: promised_from,
                    to: promised_to,
                    why: why.clone(),
                });
            }
        }
        if was.standing.state == LineState::Held && line.state() == LineState::Allocated {
            facts.push(Fact::Confirmed { key: key() });
        }
    }
}

/// Whether a line that was to end with its order's hold is no longer.
const fn made_firm(was: &LineTerms, is: &LineTerms) -> bool {
    was.hold_until.is_some() && is.hold_until.is_none()
}

/// The units of some parts that others have not.
fn less(parts: &[Part], others: &[Part]) -> Vec<Part> {
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
