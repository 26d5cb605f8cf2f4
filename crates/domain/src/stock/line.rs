//! Order lines: what a customer wants, the state of it, and the units allocated to it.

use alloc::vec::Vec;

use jiff::Timestamp;

use super::index::BatchIndex;
use crate::answers::view::DispatchedPart;
use crate::language::line_terms::{LineState, LineTerms, Part};
use crate::language::name::{LineKey, Sku};
use crate::language::precedence::{ReleaseRank, ServicePosition};
use crate::language::promise::Promise;
use crate::language::quantity::{Quantity, Units};
use crate::records::change_set::{Change, ChangeSet};
use crate::records::order::{AllocationRecord, DispatchRecord, LineRecord, total};
use crate::records::pending::ReleasePosition;

/// Units of one line, allocated in one batch, and since which version of the product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Allocation {
    pub(crate) part: Part,
    pub(crate) batch: BatchIndex,
    /// The version whose event tells of the allocation; `None`: the current command makes it, and will record that event.
    pub(crate) allocated_version: Option<u64>,
}

/// A version that a command's events have set.
const fn recorded(version: Option<u64>) -> u64 {
    version.expect("a command records its events before the next one, and before it is stored")
}

impl Allocation {
    /// The record of these units while they are in the batch.
    fn record(self, key: &LineKey, release_rank: ReleaseRank) -> AllocationRecord {
        AllocationRecord {
            key: key.clone(),
            batch: self.part.batch,
            quantity: self.part.quantity,
            release_rank,
            allocated_version: recorded(self.allocated_version),
        }
    }
}

/// Units of one line that left the building together, from one batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dispatched {
    pub(crate) part: Part,
    /// The version whose event told of their allocation; `None`: the current transaction made it.
    pub(crate) allocated_version: Option<u64>,
    /// The version whose event tells that they left; `None`: they leave with the current command.
    pub(crate) dispatched_version: Option<u64>,
    pub(crate) at: Timestamp,
}

impl Dispatched {
    fn record(self, key: &LineKey) -> DispatchRecord {
        DispatchRecord {
            key: key.clone(),
            batch: self.part.batch,
            quantity: self.part.quantity,
            allocated_version: recorded(self.allocated_version),
            dispatched_version: recorded(self.dispatched_version),
            dispatched_at: self.at,
        }
    }

    fn view(&self) -> DispatchedPart {
        DispatchedPart {
            batch: self.part.batch.clone(),
            quantity: self.part.quantity,
            at: self.at,
        }
    }
}

impl From<DispatchRecord> for Dispatched {
    fn from(record: DispatchRecord) -> Self {
        Self {
            part: Part {
                batch: record.batch,
                quantity: record.quantity,
            },
            allocated_version: Some(record.allocated_version),
            dispatched_version: Some(record.dispatched_version),
            at: record.dispatched_at,
        }
    }
}

/// A line's state with the units it has in batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LineStatus {
    pub(crate) state: LineState,
    pub(crate) allocations: Vec<Allocation>,
}

impl LineStatus {
    /// A state without units.
    pub(crate) const fn without_units(state: LineState) -> Self {
        Self {
            state,
            allocations: Vec::new(),
        }
    }

    /// The status of a line that has these units: held until a deadline, or firm.
    pub(crate) const fn with_units(allocations: Vec<Allocation>, hold_until: Option<Timestamp>) -> Self {
        Self {
            state: LineState::with_units(hold_until),
            allocations,
        }
    }

    /// The units it has in batches.
    pub(crate) fn allocated(&self) -> &[Allocation] {
        &self.allocations
    }

    /// The units it has, by batch.
    pub(crate) fn parts(&self) -> Vec<Part> {
        self.allocated()
            .iter()
            .map(|allocation| allocation.part.clone())
            .collect()
    }
}

/// A line's terms and status at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LineSnapshot {
    pub(crate) placed_version: Option<u64>,
    pub(crate) terms: LineTerms,
    pub(crate) status: LineStatus,
    pub(crate) dispatched: Vec<Dispatched>,
    pub(crate) promise: Promise,
}

/// An order line: an entity of its product's aggregate.
#[derive(Debug, Clone)]
pub struct Line {
    /// The version whose event placed it; `None`: the current command places it, and will record that event.
    placed_version: Option<u64>,
    terms: LineTerms,
    status: LineStatus,
    /// What has left the building, in the order in which it left.
    dispatched: Vec<Dispatched>,
    promise: Promise,
    /// As it was read; `None`: it was placed in this transaction.
    stored: Option<LineSnapshot>,
    /// Whether its product has a snapshot of it from before the current command.
    tracked: bool,
}

impl Line {
    /// A line that is placed in this transaction.
    pub(crate) const fn new(terms: LineTerms, status: LineStatus) -> Self {
        Self {
            placed_version: None,
            terms,
            status,
            dispatched: Vec::new(),
            promise: Promise::NONE,
            stored: None,
            tracked: false,
        }
    }

    /// A line as read from a store, with its units.
    pub(crate) fn stored(record: LineRecord, allocations: Vec<Allocation>, dispatched: Vec<Dispatched>) -> Self {
        let snapshot = LineSnapshot {
            placed_version: Some(record.placed_version),
            status: LineStatus {
                state: record.state,
                allocations,
            },
            dispatched,
            terms: record.terms,
            promise: record.promise,
        };
        Self {
            placed_version: snapshot.placed_version,
            terms: snapshot.terms.clone(),
            status: snapshot.status.clone(),
            dispatched: snapshot.dispatched.clone(),
            promise: snapshot.promise,
            stored: Some(snapshot),
            tracked: false,
        }
    }

    /// Its identity.
    #[must_use]
    pub const fn key(&self) -> &LineKey {
        &self.terms.key
    }

    /// Its current terms.
    #[must_use]
    pub const fn terms(&self) -> &LineTerms {
        &self.terms
    }

    /// The units it wants and that have not left the building; of a dispatched line, all that have.
    #[must_use]
    pub const fn quantity(&self) -> Quantity {
        self.terms.quantity
    }

    /// All units its customer gets, those that have left the building among them.
    #[must_use]
    pub fn total(&self) -> Quantity {
        total(self.status.state, self.terms.quantity, self.dispatched_units())
    }

    /// What has left the building.
    pub(crate) fn dispatched(&self) -> &[Dispatched] {
        &self.dispatched
    }

    /// How much of it has left the building.
    pub(crate) fn dispatched_units(&self) -> Units {
        units_of(&self.dispatched)
    }

    /// What has left the building, as a reader sees it.
    pub(crate) fn dispatches(&self) -> Vec<DispatchedPart> {
        self.dispatched.iter().map(Dispatched::view).collect()
    }

    /// Records that these units have left the building.
    pub(crate) fn add_dispatched(&mut self, units: impl IntoIterator<Item = Dispatched>) {
        self.dispatched.extend(units);
    }

    /// Takes back what has left the building.
    pub(crate) fn take_dispatched(&mut self) -> Vec<Dispatched> {
        core::mem::take(&mut self.dispatched)
    }

    /// Sets the version whose event tells of the units that leave with the current command.
    pub(crate) fn set_dispatched_version(&mut self, version: u64) {
        for units in &mut self.dispatched {
            units.dispatched_version.get_or_insert(version);
        }
    }

    /// Its state.
    #[must_use]
    pub const fn state(&self) -> LineState {
        self.status.state
    }

    /// Whether it counts until a deadline only: it is held, or waits in a held order.
    #[must_use]
    pub(crate) const fn is_until_deadline(&self) -> bool {
        self.status.state.is_open() && self.terms.hold_until.is_some()
    }

    /// Its position in the order of service. A line that the current command places comes after all others of its
    /// precedence.
    #[must_use]
    pub fn service_position(&self) -> ServicePosition {
        ServicePosition {
            precedence: self.terms.precedence,
            placed_version: self.placed_version.unwrap_or(u64::MAX),
            key: self.terms.key.clone(),
        }
    }

    /// The version whose event placed it; `None`: the current command places it.
    pub(crate) const fn placed_version(&self) -> Option<u64> {
        self.placed_version
    }

    /// Sets the version whose event places the line; `None`: the current command places it anew.
    pub(crate) const fn set_placed_version(&mut self, version: Option<u64>) {
        self.placed_version = version;
    }

    /// Units that the line has again in a batch where it had units before the command have been there since then.
    pub(crate) fn keep_allocated_versions(&mut self, before: &LineSnapshot) {
        for allocation in &mut self.status.allocations {
            let mut earlier = before.status.allocated().iter();
            let earlier = earlier.find(|earlier| earlier.batch == allocation.batch);
            let earlier = earlier.and_then(|earlier| earlier.allocated_version);
            allocation.allocated_version = allocation.allocated_version.or(earlier);
        }
    }

    /// Sets the version whose event tells of the allocations that the current command has made.
    pub(crate) fn set_allocated_version(&mut self, version: u64) {
        for allocation in &mut self.status.allocations {
            allocation.allocated_version.get_or_insert(version);
        }
    }

    pub(crate) const fn status(&self) -> &LineStatus {
        &self.status
    }

    /// What it was promised.
    pub(crate) const fn promise(&self) -> Promise {
        self.promise
    }

    /// Sets what it was promised, as an event tells it.
    pub(crate) const fn set_promise(&mut self, promise: Promise) {
        self.promise = promise;
    }

    /// Sets the line's terms and status and returns the ones before. The caller moves the units.
    pub(crate) fn replace(&mut self, terms: LineTerms, status: LineStatus) -> LineSnapshot {
        LineSnapshot {
            placed_version: self.placed_version,
            promise: self.promise,
            dispatched: self.dispatched.clone(),
            terms: core::mem::replace(&mut self.terms, terms),
            status: core::mem::replace(&mut self.status, status),
        }
    }

    /// The line's current terms and status.
    pub(crate) fn snapshot(&self) -> LineSnapshot {
        LineSnapshot {
            placed_version: self.placed_version,
            terms: self.terms.clone(),
            status: self.status.clone(),
            dispatched: self.dispatched.clone(),
            promise: self.promise,
        }
    }

    /// Whether the line is the same as in a snapshot.
    pub(crate) fn is_as_in(&self, snapshot: &LineSnapshot) -> bool {
        self.status == snapshot.status && self.terms == snapshot.terms && self.dispatched == snapshot.dispatched
    }

    /// The units of a line that was placed in this transaction, if all of them are in one batch.
    pub(crate) fn placed_in_one_batch(&self) -> Option<&Allocation> {
        match (&self.stored, self.status.allocated()) {
            (None, [allocation]) => Some(allocation),
            _ => None,
        }
    }

    /// The units it has in a batch.
    pub(crate) fn allocation_in(&self, batch: BatchIndex) -> Option<&Allocation> {
        self.status
            .allocated()
            .iter()
            .find(|allocation| allocation.batch == batch)
    }

    /// Its rank among the lines that may have to leave a batch.
    pub(crate) fn release_rank(&self) -> ReleaseRank {
        release_rank(&self.terms, &self.status)
    }

    /// Its position among the lines that have units in a batch, in the order in which they leave it.
    pub(crate) fn release_position(&self, batch: BatchIndex) -> Option<ReleasePosition> {
        self.allocation_in(batch).map(|allocation| ReleasePosition {
            rank: self.release_rank(),
            allocated_version: recorded(allocation.allocated_version),
            line: self.service_position(),
        })
    }

    /// Marks the line as tracked; returns whether it was not before.
    pub(crate) const fn track(&mut self) -> bool {
        !core::mem::replace(&mut self.tracked, true)
    }

    /// The command is over: its product has no snapshot any more.
    pub(crate) const fn untrack(&mut self) {
        self.tracked = false;
    }

    /// Adds what has changed since the line was read: the line itself, and the units that differ.
    pub(crate) fn close(self, sku: &Sku, changes: &mut ChangeSet) {
        let Self {
            placed_version,
            terms,
            status,
            dispatched,
            promise,
            stored,
            ..
        } = self;
        let placed_version = recorded(placed_version);
        let rank = release_rank(&terms, &status);
        let key = &terms.key;
        let Some(before) = stored else {
            let allocated = status.allocated().iter().cloned();
            changes
                .earmarked
                .extend(allocated.map(|allocation| allocation.record(key, rank)));
            let left = units_of(&dispatched);
            let dispatched = dispatched.into_iter().map(|units| units.record(key));
            changes.dispatched.extend(dispatched);
            let record = record(placed_version, terms, promise, sku, status.state, left);
            changes.lines.push(Change::New(record));
            return;
        };
        let rank_before = release_rank(&before.terms, &before.status);
        // The rank is stored with the allocation: with another rank it is another allocation.
        let unchanged =
            |allocation: &Allocation, other: &LineStatus| rank_before == rank && other.allocated().contains(allocation);
        let released = before.status.allocated().iter();
        let released = released.filter(|allocation| !unchanged(allocation, &status));
        changes
            .released
            .extend(released.map(|allocation| allocation.clone().record(key, rank_before)));
        let earmarked = status.allocated().iter();
        let earmarked = earmarked.filter(|allocation| !unchanged(allocation, &before.status));
        changes
            .earmarked
            .extend(earmarked.map(|allocation| allocation.clone().record(key, rank)));
        let returned = before.dispatched.iter().filter(|units| !dispatched.contains(units));
        changes.returned.extend(returned.map(|units| units.clone().record(key)));
        let left = units_of(&dispatched);
        let leaving = dispatched.iter().filter(|units| !before.dispatched.contains(units));
        changes
            .dispatched
            .extend(leaving.map(|units| units.clone().record(key)));
        let same_place = before.placed_version == Some(placed_version) && before.promise == promise;
        let same_units = left == units_of(&before.dispatched);
        if before.status.state != status.state || before.terms != terms || !same_place || !same_units {
            let record = record(placed_version, terms, promise, sku, status.state, left);
            changes.lines.push(Change::Changed(record));
        }
    }

    /// Whether its units match its state: all that it wants if it is held or allocated, else none; and what has left is
    /// all of a dispatched line, and none of one that ended without.
    pub(crate) fn has_the_units_of_its_state(&self) -> bool {
        let allocated = self.status.allocated().iter();
        let units: Units = allocated.map(|allocation| allocation.part.quantity.units()).sum();
        let (wanted, dispatched) = (self.terms.quantity.units(), self.dispatched_units());
        match self.status.state {
            LineState::Held => units == wanted && dispatched.is_zero(),
            LineState::Allocated => units == wanted,
            LineState::Backordered => units.is_zero(),
            LineState::Dispatched => units.is_zero() && dispatched == wanted,
            LineState::Refused | LineState::Cancelled | LineState::Expired => units.is_zero() && dispatched.is_zero(),
        }
    }
}

fn release_rank(terms: &LineTerms, status: &LineStatus) -> ReleaseRank {
    ReleaseRank::of(terms.precedence, status.state == LineState::Held)
}

/// The record of a line with these terms in this state.
fn record(
    placed_version: u64,
    terms: LineTerms,
    promise: Promise,
    sku: &Sku,
    state: LineState,
    dispatched: Units,
) -> LineRecord {
    LineRecord {
        sku: sku.clone(),
        state,
        placed_version,
        promise,
        dispatched,
        terms,
    }
}

fn units_of(dispatched: &[Dispatched]) -> Units {
    dispatched.iter().map(|units| units.part.quantity.units()).sum()
}
