//! Batches: a quantity of one SKU that arrives together.

use jiff::civil::Date;

use crate::events::fact::Fact;
use crate::language::name::{Reference, Sku};
use crate::language::quantity::{Count, Quantity, Units};
use crate::language::receipt::Receipt;
use crate::records::batch::{BatchRecord, Preference};
use crate::records::pending::Arrival;

/// What a command changes about a batch. `None` leaves the value unchanged.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BatchChange {
    /// The counted quantity.
    pub(crate) quantity: Option<Count>,
    /// What becomes of its arrival.
    pub(crate) arrival: Option<Arrival>,
    /// Whether to close it.
    pub(crate) close: bool,
}

/// A batch: an entity of its product's aggregate.
#[derive(Debug, Clone)]
pub struct Batch {
    record: BatchRecord,
    /// Those of its fields that a transaction stores, as they were read; `None`: it was created in this transaction.
    stored: Option<StoredFields>,
    /// Whether units were allocated here since it was read.
    has_earmarked: bool,
}

/// The fields of a batch that a transaction stores: quantity, ETA, whether it is overdue, receipt, whether it is
/// closed. The others never change, or follow from allocations and dispatches.
type StoredFields = (Count, Option<Date>, bool, Option<Receipt>, bool);

const fn stored_fields(record: &BatchRecord) -> StoredFields {
    (
        record.quantity,
        record.eta,
        record.overdue,
        record.receipt,
        record.closed,
    )
}

/// The fact that a batch, as it is, arrives differently. It has an ETA, unless its receipt is undone.
pub(crate) fn arrival_fact(batch: &Batch, arrival: Arrival) -> Fact {
    let reference = batch.reference().clone();
    match arrival {
        Arrival::On(to) => Fact::BatchEtaChanged {
            reference,
            from: batch.eta().expect("only a batch that has not arrived gets another ETA"),
            to,
        },
        Arrival::Received(receipt) => Fact::BatchReceived { reference, receipt },
        Arrival::ReceiptUndone(eta) => Fact::BatchReceiptUndone { reference, eta },
    }
}

impl Batch {
    /// A batch that is created in this transaction.
    pub(crate) const fn new(record: BatchRecord) -> Self {
        Self {
            record,
            stored: None,
            has_earmarked: false,
        }
    }

    /// A batch as read from a store.
    pub(crate) const fn stored(record: BatchRecord) -> Self {
        let stored = Some(stored_fields(&record));
        Self {
            record,
            stored,
            has_earmarked: false,
        }
    }

    /// Its reference, unique in the whole system.
    #[must_use]
    pub const fn reference(&self) -> &Reference {
        &self.record.reference
    }

    /// Its product.
    #[must_use]
    pub const fn sku(&self) -> &Sku {
        &self.record.sku
    }

    /// Its current quantity, bought or counted.
    #[must_use]
    pub const fn quantity(&self) -> Count {
        self.record.quantity
    }

    /// When it arrives; `None`: it is in the warehouse.
    #[must_use]
    pub const fn eta(&self) -> Option<Date> {
        self.record.eta
    }

    /// Units that are allocated or dispatched. A count below this releases lines.
    #[must_use]
    pub fn committed(&self) -> Units {
        self.record
            .allocated
            .checked_add(self.record.dispatched)
            .expect("no more is committed than the batch has")
    }

    /// What is committed, as a quantity: the least that the batch can be counted down to.
    pub(crate) fn committed_count(&self) -> Count {
        Count::new(i128::from(self.committed().get())).expect("no more is committed than the batch has")
    }

    /// Units that can be promised.
    #[must_use]
    pub fn available(&self) -> Units {
        self.record
            .quantity
            .units()
            .checked_sub(self.committed())
            .expect("no more is committed than the batch has")
    }

    /// Units that have left the building.
    #[must_use]
    pub const fn dispatched(&self) -> Units {
        self.record.dispatched
    }

    /// Its position in the order in which batches are tried.
    #[must_use]
    pub const fn preference(&self) -> Preference {
        self.record.preference()
    }

    /// Its record, in its current state.
    #[must_use]
    pub const fn record(&self) -> &BatchRecord {
        &self.record
    }

    /// Whether it has to be stored: `None` if it is as it was read, else whether it is new.
    pub(crate) fn unsaved(&self) -> Option<bool> {
        match self.stored {
            None => Some(true),
            Some(stored) => (stored != stored_fields(&self.record)).then_some(false),
        }
    }

    /// Whether units were allocated here since it was read.
    pub(crate) const fn has_earmarked(&self) -> bool {
        self.has_earmarked
    }

    /// Allocates units that a draft found available.
    pub(crate) fn earmark(&mut self, quantity: Quantity) {
        self.has_earmarked = true;
        assert!(
            quantity.units() <= self.available(),
            "a draft takes no more than is available"
        );
        self.record.allocated = self
            .record
            .allocated
            .checked_add(quantity.units())
            .expect("no more is committed than the batch has");
    }

    /// Frees units that a line had here.
    pub(crate) fn free(&mut self, quantity: Quantity) {
        self.record.allocated = self
            .record
            .allocated
            .checked_sub(quantity.units())
            .expect("only what is allocated is freed");
    }

    /// Counts units that a line had here as dispatched. The caller has freed them before.
    pub(crate) fn dispatch(&mut self, quantity: Quantity) {
        let more = self.record.dispatched.checked_add(quantity.units());
        self.record.dispatched = more.expect("no more is committed than the batch has");
        assert!(
            self.committed() <= self.record.quantity.units(),
            "no more is dispatched than the batch has"
        );
    }

    /// Takes back dispatched units.
    pub(crate) fn take_back(&mut self, quantity: Quantity) {
        let less = self.record.dispatched.checked_sub(quantity.units());
        self.record.dispatched = less.expect("no more is taken back than was dispatched");
    }

    /// Changes what is known of its arrival.
    pub(crate) const fn set_arrival(&mut self, arrival: Arrival) {
        self.record.eta = arrival.eta();
        self.record.receipt = arrival.receipt();
        self.record.overdue = false;
    }

    /// Records that it was told that it is overdue.
    pub(crate) const fn set_overdue(&mut self) {
        self.record.overdue = true;
    }

    /// Its ETA, if that has passed and was not told.
    pub(crate) fn untold_delay(&self, today: Date) -> Option<Date> {
        let record = &self.record;
        record
            .eta
            .filter(|eta| *eta < today && !record.overdue && !record.closed)
    }

    /// Closes it. The caller has released its lines before.
    pub(crate) const fn close(&mut self) {
        self.record.closed = true;
    }

    /// Whether it was cancelled.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.record.closed
    }

    /// Sets the counted quantity. The caller has released what no longer fits.
    pub(crate) fn set_quantity(&mut self, quantity: Count) {
        assert!(
            self.committed() <= quantity.units(),
            "lines are released before a batch shrinks"
        );
        self.record.quantity = quantity;
    }
}
