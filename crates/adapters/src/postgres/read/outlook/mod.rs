//! The outlook: what planners ask of all products at once. Each question is answered by an index.

mod holds;
mod lines;
mod stock;

use std::collections::BTreeSet;

use async_trait::async_trait;
use earmark_application::{
    BatchRead, Counted, DueList, DuePlace, EndingHolds, EtaPlace, LineRead, Outlook, PlacedBetween, PlacedPlace,
    StoreError,
};
use earmark_domain::{OpenStock, Reference, ReleasePosition, Sku, Units};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::postgres::store::PostgresStore;

#[async_trait]
impl Outlook for PostgresStore {
    async fn due_lines(
        &self,
        list: DueList,
        after: Option<&DuePlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError> {
        self.lines_that_are_due(list, after, now, limit).await
    }

    async fn waiting_lines(
        &self,
        placed: PlacedBetween,
        after: Option<&PlacedPlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError> {
        self.lines_that_wait(placed, after, now, limit).await
    }

    async fn count_waiting_lines(
        &self,
        placed: PlacedBetween,
        now: Timestamp,
        most: usize,
    ) -> Result<Counted, StoreError> {
        self.count_lines_that_wait(placed, now, most).await
    }

    async fn late_batches(
        &self,
        today: Date,
        after: Option<&EtaPlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<BatchRead>, StoreError> {
        self.batches_that_are_late(today, after, now, limit).await
    }

    async fn lines_in_batch(
        &self,
        batch: &Reference,
        after: Option<&ReleasePosition>,
        limit: usize,
    ) -> Result<Vec<(ReleasePosition, LineRead)>, StoreError> {
        self.lines_of_batch(batch, after, limit).await
    }

    async fn open_stock(
        &self,
        skus: &BTreeSet<Sku>,
        now: Timestamp,
        batches: usize,
    ) -> Result<Vec<OpenStock>, StoreError> {
        self.stock_that_is_open(skus, now, batches).await
    }

    async fn ending_holds(
        &self,
        now: Timestamp,
        until: &[Timestamp],
        after: Option<&Sku>,
        limit: usize,
    ) -> Result<Vec<EndingHolds>, StoreError> {
        self.holds_that_end(now, until, after, limit).await
    }

    async fn held_units(&self, sku: &Sku, now: Timestamp) -> Result<Vec<(Reference, Units)>, StoreError> {
        self.units_that_are_held(sku, now).await
    }
}
