//! The event recorder: collects the events of a command, each with the command's context.

use alloc::vec::Vec;

use jiff::civil::Date;

use super::event::{Event, Subject};
use super::fact::Fact;
use crate::context::{DecisionContext, DecisionTime};
use crate::promising::Improve;

/// Appends the events of one command to those of the transaction.
#[derive(Debug)]
pub(crate) struct EventRecorder<'e> {
    context: &'e DecisionContext,
    time: DecisionTime,
    events: &'e mut Vec<Event>,
}

impl<'e> EventRecorder<'e> {
    pub(crate) fn new(context: &'e DecisionContext, events: &'e mut Vec<Event>) -> Self {
        Self {
            context,
            time: context.time(),
            events,
        }
    }

    /// The time of the decision.
    pub(crate) const fn time(&self) -> DecisionTime {
        self.time
    }

    /// Which lines move to better stock, by the shop's settings.
    pub(crate) const fn improve(&self) -> Improve {
        self.context.promising.improve
    }

    /// The day of the decision.
    pub(crate) const fn today(&self) -> Date {
        self.time.today
    }

    /// The fact that was recorded last.
    pub(crate) fn last(&self) -> Option<&Fact> {
        self.events.last().map(|event| &event.fact)
    }

    /// Appends an event with this fact.
    pub(crate) fn record(&mut self, subject: Subject, fact: Fact) {
        self.events.push(Event {
            subject,
            occurred_at: self.context.now,
            decided_on: self.context.today,
            actor: self.context.actor.clone(),
            correlation_id: self.context.correlation_id.clone(),
            fact,
        });
    }
}
