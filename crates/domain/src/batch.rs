//! Batches: a quantity of one SKU that arrives together.

use jiff::civil::Date;

use crate::name::{Reference, Sku};
use crate::quantity::{Count, Quantity, Units};
use crate::record::{BatchRecord, Preference};

/// Where a batch is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchStatus {
    /// It can leave today.
    InWarehouse,
    /// It arrives today or later.
    Inbound,
    /// It should have arrived: its ETA has passed. Counts as today.
    Overdue,
    /// It was cancelled.
    Closed,
}

impl BatchStatus {
    /// The status of a batch with this ETA that was not cancelled.
    #[must_use]
    pub(crate) fn of(eta: Option<Date>, today: Date) -> Self {
        match eta {
            None => Self::InWarehouse,
            Some(eta) if eta < today => Self::Overdue,
            Some(_) => Self::Inbound,
        }
    }

    /// The word for it outside.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InWarehouse => "in_warehouse",
            Self::Inbound => "inbound",
            Self::Overdue => "overdue",
            Self::Closed => "closed",
        }
    }
}

/// When a line can leave that has its units in batches with these ETAs: today for stock in the warehouse or overdue,
/// else the latest date. `None` for a line without stock.
pub fn promise_date(etas: impl IntoIterator<Item = Option<Date>>, today: Date) -> Option<Date> {
    etas.into_iter()
        .map(|eta| eta.map_or(today, |eta| eta.max(today)))
        .max()
}

/// A batch: an entity of its product's aggregate.
#[derive(Debug, Clone)]
pub struct Batch {
    record: BatchRecord,
    /// What of it changes but the units committed, as it was read; `None` for a batch made in this transaction.
    stored: Option<Terms>,
}

/// What is said of a batch from outside: how much it is, when it arrives, whether it was cancelled.
type Terms = (Count, Option<Date>, bool);

const fn terms(record: &BatchRecord) -> Terms {
    (record.quantity, record.eta, record.closed)
}

impl Batch {
    pub(crate) const fn new(record: BatchRecord) -> Self {
        Self { record, stored: None }
    }

    pub(crate) const fn stored(record: BatchRecord) -> Self {
        let stored = Some(terms(&record));
        Self { record, stored }
    }

    /// Its reference, unique in the whole system.
    #[must_use]
    pub const fn reference(&self) -> &Reference {
        &self.record.reference
    }

    /// The product it is of.
    #[must_use]
    pub const fn sku(&self) -> &Sku {
        &self.record.sku
    }

    /// What was bought or counted.
    #[must_use]
    pub const fn quantity(&self) -> Count {
        self.record.quantity
    }

    /// When it arrives; `None`: it is in the warehouse.
    #[must_use]
    pub const fn eta(&self) -> Option<Date> {
        self.record.eta
    }

    /// Units that no later count may go below without releasing lines: allocated or gone.
    #[must_use]
    pub fn committed(&self) -> Units {
        self.record
            .allocated
            .checked_add(self.record.dispatched)
            .expect("what is committed fits the quantity")
    }

    /// Units that can be promised: never below zero.
    #[must_use]
    pub fn available(&self) -> Units {
        self.record
            .quantity
            .units()
            .checked_sub(self.committed())
            .expect("what is committed fits the quantity")
    }

    /// Units that have left the building.
    #[must_use]
    pub const fn dispatched(&self) -> Units {
        self.record.dispatched
    }

    /// Its place in the order in which batches are tried.
    #[must_use]
    pub const fn preference(&self) -> Preference {
        self.record.preference()
    }

    /// All that is known of it.
    #[must_use]
    pub const fn record(&self) -> &BatchRecord {
        &self.record
    }

    /// Whether it is to be stored: `None` when it stands as it was read, else whether it is new.
    pub(crate) fn unsaved(&self) -> Option<bool> {
        match self.stored {
            None => Some(true),
            Some(stored) => (stored != terms(&self.record)).then_some(false),
        }
    }

    /// Earmarks units that a plan found available.
    pub(crate) fn earmark(&mut self, quantity: Quantity) {
        assert!(
            quantity.units() <= self.available(),
            "a plan takes no more than is available"
        );
        self.record.allocated = self
            .record
            .allocated
            .checked_add(quantity.units())
            .expect("what is committed fits the quantity");
    }

    /// Frees units that a line held here.
    pub(crate) fn free(&mut self, quantity: Quantity) {
        self.record.allocated = self
            .record
            .allocated
            .checked_sub(quantity.units())
            .expect("only what is allocated is freed");
    }

    /// Sends units that were earmarked out of the building: they are counted as dispatched.
    pub(crate) fn dispatch(&mut self, quantity: Quantity) {
        let more = self.record.dispatched.checked_add(quantity.units());
        self.record.dispatched = more.expect("what is committed fits the quantity");
        assert!(
            self.committed() <= self.record.quantity.units(),
            "only what was earmarked is dispatched"
        );
    }

    /// Takes back units that have not left the building after all.
    pub(crate) fn take_back(&mut self, quantity: Quantity) {
        let less = self.record.dispatched.checked_sub(quantity.units());
        self.record.dispatched = less.expect("only what was dispatched comes back");
    }

    /// Sets the day it arrives; `None`: it has.
    pub(crate) const fn arrive(&mut self, eta: Option<Date>) {
        self.record.eta = eta;
    }

    /// Closes it; what it no longer has has been released before.
    pub(crate) const fn close(&mut self) {
        self.record.closed = true;
    }

    /// Whether it was cancelled.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.record.closed
    }

    /// Sets the counted quantity; what no longer fits has been released before.
    pub(crate) fn count(&mut self, quantity: Count) {
        assert!(
            self.committed() <= quantity.units(),
            "what no longer fits is released first"
        );
        self.record.quantity = quantity;
    }
}
