//! The outlook: what planners ask of all products at once.

use std::collections::BTreeSet;

use async_trait::async_trait;
use earmark_domain::{LineKey, OpenStock, Reference, ReleasePosition, Sku, Units};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::read_models::{BatchRead, LineRead};
use crate::store_error::StoreError;

/// A list of open lines that are required by a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueList {
    /// Those with units of which it was told that they can't leave by that day.
    PromisedLate,
    /// Those that wait and are required by this day, or one before.
    Waiting(Date),
}

/// A place in such a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DuePlace {
    /// The day that the line is required by.
    pub required_by: Date,
    /// The line.
    pub key: LineKey,
}

/// When lines were placed. `None`: there is no bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlacedBetween {
    /// From this instant on.
    pub from: Option<Timestamp>,
    /// Before this one.
    pub before: Option<Timestamp>,
}

/// A place among lines by the instant at which they were placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedPlace {
    /// When the line was placed.
    pub placed_at: Timestamp,
    /// The line.
    pub key: LineKey,
}

/// Lines that were counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// How many.
    pub lines: u64,
    /// The units they want.
    pub units: Units,
}

/// A place among batches by ETA.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EtaPlace {
    /// The ETA of the batch.
    pub eta: Date,
    /// Its product.
    pub sku: Sku,
    /// The batch.
    pub reference: Reference,
}

/// The held units of a product that leave the carts, unless they are confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndingHolds {
    /// The product.
    pub sku: Sku,
    /// The earliest deadline.
    pub first: Timestamp,
    /// For each of the instants that were asked for, the units whose hold ends by then.
    pub units: Vec<Units>,
}

/// Answers what planners ask of all products at once. Reads the tables as they are, by their indexes, and locks nothing.
/// Every list is bounded by `limit`.
///
/// A question with an instant `now` is answered as if every hold whose deadline is not after it had expired. A question may
/// be awaited on any runtime, and dropped at any time.
#[async_trait]
pub trait Outlook: Send + Sync {
    /// The lines of a list, by the day they are required by and then by key, from the one behind `after` on.
    async fn due_lines(
        &self,
        list: DueList,
        after: Option<&DuePlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError>;
    /// The lines that wait, by when they were placed and then by key, from the one behind `after` on.
    async fn waiting_lines(
        &self,
        placed: PlacedBetween,
        after: Option<&PlacedPlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError>;
    /// How many lines wait. Of more than `most` only so many are counted, the first by when they were placed.
    async fn count_waiting_lines(
        &self,
        placed: PlacedBetween,
        now: Timestamp,
        most: usize,
    ) -> Result<Counted, StoreError>;
    /// The batches that are overdue on a day, and those that were put off since they were created, unless they have arrived
    /// or are closed: by ETA, product and reference, from the one behind `after` on.
    async fn late_batches(
        &self,
        today: Date,
        after: Option<&EtaPlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<BatchRead>, StoreError>;
    /// The lines with units in a batch, each with its place among them: those that would leave it last come first. From the
    /// one behind `after` on. A line whose hold has ended is among them as long as its units are stored.
    async fn lines_in_batch(
        &self,
        batch: &Reference,
        after: Option<&ReleasePosition>,
        limit: usize,
    ) -> Result<Vec<(ReleasePosition, LineRead)>, StoreError>;
    /// Those of these products that exist, by SKU, each with its batches that have something available: at most `batches` of
    /// them.
    async fn open_stock(
        &self,
        skus: &BTreeSet<Sku>,
        now: Timestamp,
        batches: usize,
    ) -> Result<Vec<OpenStock>, StoreError>;
    /// The products with holds that end after `now` and by the last of some instants, by SKU, from the one after `after` on.
    /// The instants MUST rise.
    async fn ending_holds(
        &self,
        now: Timestamp,
        until: &[Timestamp],
        after: Option<&Sku>,
        limit: usize,
    ) -> Result<Vec<EndingHolds>, StoreError>;
    /// The held units of a product that count at an instant, by batch, in the order of references.
    async fn held_units(&self, sku: &Sku, now: Timestamp) -> Result<Vec<(Reference, Units)>, StoreError>;
}
