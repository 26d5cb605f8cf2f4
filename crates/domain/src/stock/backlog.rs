//! The backlog: the lines of a product that wait for stock, as far as they were read.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::index::LineIndex;
use crate::language::precedence::ServicePosition;

/// How far the backlog was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// It was not read: no command of this transaction frees stock.
    Unread,
    /// To its end.
    Whole,
    /// To this position; more lines wait behind it.
    Until(ServicePosition),
}

/// The part of the backlog that was read, in order of service.
#[derive(Debug, Clone)]
pub(crate) struct Backlog {
    waiting: BTreeMap<ServicePosition, LineIndex>,
    reach: Reach,
}

impl Backlog {
    pub(crate) const fn new(reach: Reach) -> Self {
        Self {
            waiting: BTreeMap::new(),
            reach,
        }
    }

    pub(crate) const fn reach(&self) -> &Reach {
        &self.reach
    }

    /// Sets how far the backlog was read.
    pub(crate) fn set_reach(&mut self, reach: Reach) {
        self.reach = reach;
    }

    /// Adds a line, unless its position is in the part that was not read: it is served together with the lines there.
    pub(crate) fn join(&mut self, position: ServicePosition, line: LineIndex) {
        let within_reach = match &self.reach {
            Reach::Unread => false,
            Reach::Whole => true,
            Reach::Until(last) => position <= *last,
        };
        if within_reach {
            self.waiting.insert(position, line);
        }
    }

    /// Removes the line at a position, which is only computed if any line waits.
    pub(crate) fn leave(&mut self, position: impl FnOnce() -> ServicePosition) {
        if !self.waiting.is_empty() {
            self.waiting.remove(&position());
        }
    }

    /// The waiting lines that were read, in order of service.
    pub(crate) fn waiting(&self) -> Vec<LineIndex> {
        self.waiting.values().copied().collect()
    }
}
