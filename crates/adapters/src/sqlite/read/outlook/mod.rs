//! The outlook: what planners ask of all products at once.
//!
//! The keys of a page are found by an index, and the lines are read by their keys, in one snapshot.

mod batches;
mod holds;
mod lines;

use std::collections::BTreeSet;

use async_trait::async_trait;
use earmark_application::{
    BatchRead, Counted, DueList, DuePlace, EndingHolds, EtaPlace, LineRead, Outlook, PlacedBetween, PlacedPlace,
    StoreError,
};
use earmark_domain::{OpenStock, Reference, ReleasePosition, Sku, Units};
use jiff::Timestamp;
use jiff::civil::Date;

use super::super::sqlite_store::SqliteStore;

#[async_trait]
impl Outlook for SqliteStore {
    async fn due_lines(
        &self,
        list: DueList,
        after: Option<&DuePlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError> {
        let after = after.cloned();
        self.readers
            .long
            .query_snapshot(move |conn| lines::due(conn, list, after.as_ref(), now, limit))
            .await
    }

    async fn waiting_lines(
        &self,
        placed: PlacedBetween,
        after: Option<&PlacedPlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<LineRead>, StoreError> {
        let after = after.cloned();
        self.readers
            .long
            .query_snapshot(move |conn| lines::waiting(conn, placed, after.as_ref(), now, limit))
            .await
    }

    async fn count_waiting_lines(
        &self,
        placed: PlacedBetween,
        now: Timestamp,
        most: usize,
    ) -> Result<Counted, StoreError> {
        self.readers
            .long
            .query(move |conn| lines::count_waiting(conn, placed, now, most))
            .await
    }

    async fn late_batches(
        &self,
        today: Date,
        after: Option<&EtaPlace>,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<BatchRead>, StoreError> {
        let after = after.cloned();
        self.query_snapshot_at(now, move |conn, ended| {
            batches::late(conn, today, after.as_ref(), limit, ended)
        })
        .await
    }

    async fn lines_in_batch(
        &self,
        batch: &Reference,
        after: Option<&ReleasePosition>,
        limit: usize,
    ) -> Result<Vec<(ReleasePosition, LineRead)>, StoreError> {
        let (batch, after) = (batch.clone(), after.cloned());
        self.readers
            .long
            .query_snapshot(move |conn| lines::in_batch(conn, &batch, after.as_ref(), limit))
            .await
    }

    async fn open_stock(
        &self,
        skus: &BTreeSet<Sku>,
        now: Timestamp,
        batches: usize,
    ) -> Result<Vec<OpenStock>, StoreError> {
        let skus = skus.clone();
        self.query_snapshot_at(now, move |conn, ended| batches::open_stock(conn, &skus, batches, ended))
            .await
    }

    async fn ending_holds(
        &self,
        now: Timestamp,
        until: &[Timestamp],
        after: Option<&Sku>,
        limit: usize,
    ) -> Result<Vec<EndingHolds>, StoreError> {
        let (until, after) = (until.to_vec(), after.cloned());
        self.readers
            .long
            .query_snapshot(move |conn| holds::ending(conn, now, &until, after.as_ref(), limit))
            .await
    }

    async fn held_units(&self, sku: &Sku, now: Timestamp) -> Result<Vec<(Reference, Units)>, StoreError> {
        let sku = sku.clone();
        self.readers
            .long
            .query_snapshot(move |conn| holds::by_batch(conn, &sku, now))
            .await
    }
}
