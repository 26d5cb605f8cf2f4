//! The newest part of the log, kept in memory for all who are in step.

use std::collections::VecDeque;
use std::sync::Arc;

use super::chunk::Chunk;
use crate::books::{Books, LogPosition};
use crate::ports::{DeliveryLimits, EventMessage};

/// The most events that are kept: some seconds of a busy log.
const MAX_EVENTS: usize = 16_384;

/// The most bytes of bodies that are kept.
const MAX_BYTES: usize = 16 << 20;

/// A part of the log without a gap, up to the newest event that was read.
#[derive(Debug)]
pub(super) struct Window {
    books: Books,
    /// It has every event after this sequence
    after: u64,
    /// up to this one.
    until: u64,
    events: VecDeque<Arc<EventMessage>>,
    bytes: usize,
}

impl Window {
    /// An empty window at the end of the log.
    pub(super) const fn at(books: Books, newest: u64) -> Self {
        Self {
            books,
            after: newest,
            until: newest,
            events: VecDeque::new(),
            bytes: 0,
        }
    }

    pub(super) const fn books(&self) -> &Books {
        &self.books
    }

    pub(super) const fn until(&self) -> u64 {
        self.until
    }

    /// Adds the events that follow, up to a sequence, and drops the oldest beyond the bounds.
    pub(super) fn extend(&mut self, events: Vec<Arc<EventMessage>>, until: u64) {
        self.bytes += events.iter().map(|event| event.body.len()).sum::<usize>();
        self.events.extend(events);
        self.until = until;
        while self.events.len() > MAX_EVENTS || self.bytes > MAX_BYTES {
            let Some(oldest) = self.events.pop_front() else { break };
            self.bytes -= oldest.body.len();
            self.after = oldest.event.sequence;
        }
    }

    /// The events after a place, as far as the limits go. `None`: they are not all here, or the place is not known here.
    pub(super) fn read(&self, place: LogPosition, limits: DeliveryLimits) -> Option<Chunk> {
        let from = self.books.resolve(place, self.until).ok()?;
        if from < self.after {
            return None;
        }
        let first = self.events.partition_point(|event| event.event.sequence <= from);
        let events = self.events.range(first..).cloned();
        Some(Chunk::cut(events, limits, self.until, &self.books, self.until))
    }
}
