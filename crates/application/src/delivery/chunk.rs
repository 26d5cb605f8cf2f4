//! A part of the log, as it is handed to those who follow it.

use std::sync::Arc;

use crate::books::{Books, LogPosition};
use crate::ports::{DeliveryLimits, EventMessage};

/// Events that follow each other in the log.
#[derive(Debug, Clone)]
pub struct Chunk {
    /// The events.
    pub events: Vec<Arc<EventMessage>>,
    /// Where to read on.
    pub next: LogPosition,
    /// The books that the log is of.
    pub books: Books,
    /// The last sequence of the log, as far as it was read.
    pub newest: u64,
}

impl Chunk {
    /// The first of these events, as far as the limits go. `until`: they are all that there are up to this sequence.
    pub(super) fn cut(
        events: impl Iterator<Item = Arc<EventMessage>>,
        limits: DeliveryLimits,
        until: u64,
        books: &Books,
        newest: u64,
    ) -> Self {
        let mut taken: Vec<Arc<EventMessage>> = Vec::new();
        let mut bytes = 0_usize;
        let mut is_whole = true;
        for event in events {
            bytes = bytes.saturating_add(event.body.len());
            let too_many = taken.len() >= limits.events.max(1);
            if too_many || (bytes > limits.bytes && !taken.is_empty()) {
                is_whole = false;
                break;
            }
            taken.push(event);
        }
        let last = taken.last().map(|event| event.event.sequence);
        let next = if is_whole { until } else { last.unwrap_or(until) };
        Self {
            events: taken,
            next: books.position_of(next),
            books: books.clone(),
            newest,
        }
    }

    /// Whether it reaches the newest event.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.next.sequence >= self.newest
    }
}
