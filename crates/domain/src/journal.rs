//! The journal: where a decision notes what happens, on its occasion.

use alloc::vec::Vec;

use jiff::civil::Date;

use crate::event::{Event, Fact, Subject};
use crate::occasion::{Moment, Occasion};

/// The events of a transaction, open for those of one command.
#[derive(Debug)]
pub(crate) struct Journal<'j> {
    occasion: &'j Occasion,
    moment: Moment,
    events: &'j mut Vec<Event>,
}

impl<'j> Journal<'j> {
    pub(crate) fn new(occasion: &'j Occasion, events: &'j mut Vec<Event>) -> Self {
        Self {
            occasion,
            moment: occasion.moment(),
            events,
        }
    }

    /// When the decision is taken.
    pub(crate) const fn moment(&self) -> Moment {
        self.moment
    }

    /// The day of the decision.
    pub(crate) const fn today(&self) -> Date {
        self.moment.today
    }

    /// Notes a fact behind those that were noted before.
    pub(crate) fn note(&mut self, subject: Subject, fact: Fact) {
        self.events.push(Event {
            subject,
            occurred_at: self.occasion.now,
            actor: self.occasion.actor.clone(),
            correlation_id: self.occasion.correlation_id.clone(),
            fact,
        });
    }
}
