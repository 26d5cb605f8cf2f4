//! Telling: the events that say what a command did to the lines of a product.

use alloc::vec::Vec;

use jiff::civil::Date;

use super::Product;
use crate::event::{DeallocationReason, Fact, MoveReason};
use crate::journal::Journal;
use crate::line::{LineState, Standing};
use crate::outcome::{Effects, Moved};

impl Product {
    /// Tells what the command did to each line: one net event a line, none for a line that stands where it stood.
    /// `effects` are for those to whom it is shown.
    pub(crate) fn settle(
        &mut self,
        why: Option<&MoveReason>,
        journal: &mut Journal<'_>,
        mut effects: Option<&mut Effects>,
    ) {
        let mut touched = core::mem::take(&mut self.touched);
        for (place, before) in touched.drain(..) {
            let line = &mut self.lines[place];
            line.settle();
            if before.as_ref() == Some(line.standing()) {
                continue;
            }
            let Some(fact) = self.net_fact(place, before.as_ref(), why, journal.today()) else {
                continue;
            };
            if let Some(effects) = &mut effects {
                self.show(&fact, place, journal.today(), effects);
            }
            self.happened(fact, journal);
        }
        // Its room is good for the next command.
        self.touched = touched;
    }

    /// Adds what happened to the line at a place to what is shown.
    fn show(&self, fact: &Fact, place: usize, today: Date, effects: &mut Effects) {
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
            Fact::Allocated { .. } => effects.allocated.push(self.view(place, today)),
            Fact::Backordered { .. } => effects.backordered.push(self.view(place, today)),
            _ => {}
        }
    }

    /// The one fact that says how the line at a place came from where it stood to where it stands.
    fn net_fact(&self, place: usize, before: Option<&Standing>, why: Option<&MoveReason>, today: Date) -> Option<Fact> {
        let line = &self.lines[place];
        let was = before.map(|standing| standing.state);
        let from = || before.map_or_else(Vec::new, Standing::parts);
        match line.state() {
            LineState::Allocated if was == Some(LineState::Allocated) => {
                let promised_from = before.and_then(|before| self.promise(before, today));
                Some(Fact::Reallocated {
                    key: line.key().clone(),
                    promised_from: promised_from.unwrap_or(today),
                    promised_to: self.promise(line.standing(), today).unwrap_or(today),
                    from: from(),
                    to: line.standing().parts(),
                    why: why.expect("a line moves only for a reason").clone(),
                })
            }
            LineState::Allocated => Some(Fact::Allocated {
                line: line.terms().clone(),
                allocations: line.standing().parts(),
                from_backlog: was == Some(LineState::Backordered),
            }),
            LineState::Backordered => {
                let from = from();
                Some(Fact::Backordered {
                    line: line.terms().clone(),
                    why: why.filter(|_| !from.is_empty()).cloned(),
                    from,
                })
            }
            LineState::Cancelled => Some(Fact::Deallocated {
                key: line.key().clone(),
                from: from(),
                why: DeallocationReason::Cancelled,
            }),
            // Its OutOfStock event has told it.
            LineState::Refused => None,
        }
    }
}
