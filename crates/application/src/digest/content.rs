//! What a digest tells: plain values, for whoever puts them into words.

use earmark_domain::{Count, LineKey, MoveReason, OrderId, Priority, ProductName, Quantity, Reference, Sku, Units};
use jiff::Timestamp;
use jiff::civil::Date;

/// What a digest tells of one kind: the worst, as they stand now, and how many more were told of that nobody has looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section<T> {
    /// Those that are still to be told, in their order.
    pub items: Vec<T>,
    /// How many more events told of at most. How these stand now is not known: they may be long settled.
    pub unseen: u64,
}

impl<T> Section<T> {
    /// How many there are at most.
    #[must_use]
    pub fn at_most(&self) -> u64 {
        self.unseen.saturating_add(self.items.len() as u64)
    }

    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.at_most() == 0
    }
}

/// The worst of many, and how many more there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worst<T> {
    /// The worst ones, in their order.
    pub items: Vec<T>,
    /// How many are not among them.
    pub more: u64,
    /// Whether there are even more, which nobody has counted.
    pub at_least: bool,
}

impl<T> Default for Worst<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            more: 0,
            at_least: false,
        }
    }
}

impl<T> Worst<T> {
    /// How many there are.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.more.saturating_add(self.items.len() as u64)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }
}

/// What has happened since the last digest, and how things stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// Identifies it: made of the books and the bounds of its events.
    pub id: String,
    /// When it was composed: things are told as they stood then. A repeat is composed anew.
    pub at: Timestamp,
    /// That day, by the shop's calendar.
    pub today: Date,
    /// When the first of its events occurred.
    pub since: Timestamp,
    /// When the last of them did.
    pub until: Timestamp,
    /// Whether some of it may have been told before: nobody knows whether the last one was taken.
    pub may_repeat: bool,
    /// Products that are short, those first that lack most units.
    pub short: Section<ShortProduct>,
    /// Promises that were broken and are not kept again, those first that are latest.
    pub broken: Section<BrokenPromise>,
    /// Batches that have not arrived, those first that were due first.
    pub overdue: Section<OverdueBatch>,
}

impl Digest {
    /// Whether there is nothing to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.short.is_empty() && self.broken.is_empty() && self.overdue.is_empty()
    }
}

/// A product that is short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShortProduct {
    /// Which product.
    pub sku: Sku,
    /// Its name, if it has one.
    pub name: Option<ProductName>,
    /// The units that lines wait for now.
    pub waiting_units: Units,
    /// These lines, in order of service.
    pub waiting: Worst<Waiter>,
    /// How many lines were refused since the last digest.
    pub refused_lines: u64,
    /// The units that these lacked.
    pub refused_units: Units,
    /// What is on its way, the earliest first.
    pub inbound: Worst<Inbound>,
}

impl ShortProduct {
    /// The units that are missing: those that lines wait for, and those that refused lines lacked.
    #[must_use]
    pub fn missing(&self) -> Units {
        Units::new(self.waiting_units.get().saturating_add(self.refused_units.get()))
    }
}

/// A line that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiter {
    /// Which line.
    pub key: LineKey,
    /// The units it waits for.
    pub quantity: Quantity,
    /// The day that it is required by.
    pub required_by: Option<Date>,
    /// Its priority: higher ones are served first.
    pub priority: Priority,
}

/// A batch on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// Which batch.
    pub reference: Reference,
    /// When it arrives.
    pub eta: Date,
    /// Its units.
    pub quantity: Count,
    /// Those of them that are not promised yet.
    pub available: Units,
    /// Whether it was told to be overdue.
    pub overdue: bool,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenPromise {
    /// The line.
    pub key: LineKey,
    /// The product.
    pub sku: Sku,
    /// The day that it is required by.
    pub required_by: Date,
    /// The day that it is promised for now; `None`: it waits for stock.
    pub promised_on: Option<Date>,
    /// Why the promise was broken.
    pub why: MoveReason,
}

impl BrokenPromise {
    /// The order.
    #[must_use]
    pub const fn order(&self) -> &OrderId {
        &self.key.order
    }
}

/// A batch that has not arrived on its day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverdueBatch {
    /// Which batch.
    pub reference: Reference,
    /// The product.
    pub sku: Sku,
    /// The day that it was due.
    pub eta: Date,
    /// Its units.
    pub quantity: Count,
    /// Those of them that are promised.
    pub allocated: Units,
}
