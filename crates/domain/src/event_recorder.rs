//! The journal: where a decision notes what happens, on its occasion.

use alloc::vec::Vec;

use jiff::civil::Date;

use crate::context::{DecisionContext, DecisionTime};
use crate::event::{Event, Fact, Subject};

/// The events of a transaction, open for those of one command.
#[derive(Debug)]
pub(crate) struct EventRecorder<'j> {
    context: &'j DecisionContext,
    moment: DecisionTime,
    events: &'j mut Vec<Event>,
}

impl<'j> EventRecorder<'j> {
    pub(crate) fn new(context: &'j DecisionContext, events: &'j mut Vec<Event>) -> Self {
        Self {
            context,
            moment: context.moment(),
            events,
        }
    }

    /// When the decision is taken.
    pub(crate) const fn moment(&self) -> DecisionTime {
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
            occurred_at: self.context.now,
            actor: self.context.actor.clone(),
            correlation_id: self.context.correlation_id.clone(),
            fact,
        });
    }
}
