//! The backlog: the lines of a product that wait for stock, as far as they are at hand.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::line::ServicePosition;

/// How far the backlog was read, and so what may be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Not at all: no command of this transaction frees stock.
    Unread,
    /// To its end.
    Whole,
    /// To this turn; more wait behind it.
    Until(ServicePosition),
}

/// The part of the backlog that is at hand, in order of service. A line is known by its place among the product's.
#[derive(Debug, Clone)]
pub(crate) struct Backlog {
    waiting: BTreeMap<ServicePosition, usize>,
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

    pub(crate) fn read_to(&mut self, reach: Reach) {
        self.reach = reach;
    }

    /// Adds a line, unless its turn lies where the backlog was not read: it is served with the lines there.
    pub(crate) fn join(&mut self, turn: ServicePosition, line: usize) {
        let at_hand = match &self.reach {
            Reach::Unread => false,
            Reach::Whole => true,
            Reach::Until(last) => turn <= *last,
        };
        if at_hand {
            self.waiting.insert(turn, line);
        }
    }

    pub(crate) fn leave(&mut self, turn: impl FnOnce() -> ServicePosition) {
        if !self.waiting.is_empty() {
            self.waiting.remove(&turn());
        }
    }

    /// The lines at hand, in order of service.
    pub(crate) fn waiting(&self) -> Vec<usize> {
        self.waiting.values().copied().collect()
    }
}
