//! Subscriptions and what they have put aside: what changes them is handed to the thread that writes.

use std::collections::BTreeMap;

use async_trait::async_trait;
use diesel::prelude::*;
use earmark_application::{
    DeadLetter, DeadLetterAction, LeaseClaim, Progress, Retried, StoreError, SubscriptionLease, SubscriptionName,
    SubscriptionStatus, Subscriptions,
};
use jiff::Timestamp;

use super::builder::first_rows;
use super::error::store_error;
use super::rows::{DeadLetterRow, SubscriptionRow, dead_letter};
use super::schema::{dead_letters, subscriptions};
use super::sqlite_store::SqliteStore;
use super::store::subscriptions as changes;
use crate::sql::subscriptions::{DEAD, LetterCounts};

#[async_trait]
impl Subscriptions for SqliteStore {
    async fn lease(&self, claim: &LeaseClaim) -> Result<Option<SubscriptionLease>, StoreError> {
        let claim = claim.clone();
        self.write_beside(move |connection| changes::lease(connection, &claim))
            .await
    }

    async fn save(
        &self,
        name: &SubscriptionName,
        fence: u64,
        progress: &Progress,
        letters: &[DeadLetter],
    ) -> Result<bool, StoreError> {
        let (name, progress, letters) = (name.clone(), progress.clone(), letters.to_vec());
        self.write_beside(move |connection| {
            changes::save(connection, &name, fence, &progress, &letters).map_err(store_error)
        })
        .await
    }

    async fn release(&self, name: &SubscriptionName, fence: u64) -> Result<(), StoreError> {
        let name = name.clone();
        self.write_beside(move |connection| changes::release(connection, &name, fence).map_err(store_error))
            .await
    }

    async fn subscriptions(&self, now: Timestamp) -> Result<Vec<SubscriptionStatus>, StoreError> {
        self.readers
            .long
            .query_snapshot(move |connection| all(connection, now))
            .await
    }

    async fn dead_letters(
        &self,
        name: &SubscriptionName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        let name = name.clone();
        self.readers
            .long
            .query(move |connection| {
                let page = dead_letters::table
                    .filter(dead_letters::subscription.eq(name.as_str()))
                    .filter(dead_letters::sequence.gt(i64::try_from(after).unwrap_or(i64::MAX)))
                    .order(dead_letters::sequence)
                    .select(DeadLetterRow::as_select());
                let rows: Vec<DeadLetterRow> = first_rows(page.load_iter(connection), limit)?;
                rows.into_iter().map(dead_letter).collect()
            })
            .await
    }

    async fn decide_on_dead_letters(
        &self,
        name: &SubscriptionName,
        sequences: Option<&[u64]>,
        action: DeadLetterAction,
    ) -> Result<u64, StoreError> {
        let (name, sequences) = (name.clone(), sequences.map(<[u64]>::to_vec));
        let decided =
            self.write_beside(move |connection| changes::decide(connection, &name, sequences.as_deref(), action));
        Ok(decided.await? as u64)
    }

    async fn retried(&self, name: &SubscriptionName, fence: u64, letter: &DeadLetter) -> Result<Retried, StoreError> {
        let (name, letter) = (name.clone(), letter.clone());
        self.write_beside(move |connection| changes::retried(connection, &name, fence, &letter).map_err(store_error))
            .await
    }

    async fn bury(&self, name: &SubscriptionName, fence: u64, sequences: &[u64]) -> Result<bool, StoreError> {
        let (name, sequences) = (name.clone(), sequences.to_vec());
        self.write_beside(move |connection| changes::bury(connection, &name, fence, &sequences))
            .await
    }

    async fn disable(&self, name: &SubscriptionName, reason: Option<&str>) -> Result<bool, StoreError> {
        let (name, reason) = (name.clone(), reason.map(ToOwned::to_owned));
        self.write_beside(move |connection| {
            let changed = match reason {
                Some(reason) => changes::disable(connection, &name, &reason),
                None => changes::enable(connection, &name),
            };
            changed.map_err(store_error)
        })
        .await
    }
}

/// All subscriptions, in a snapshot.
fn all(connection: &mut SqliteConnection, now: Timestamp) -> Result<Vec<SubscriptionStatus>, StoreError> {
    let rows: Vec<(SubscriptionRow, Option<i64>)> = subscriptions::table
        .order(subscriptions::name)
        .select((SubscriptionRow::as_select(), subscriptions::leased_until))
        .load(connection)
        .map_err(store_error)?;
    let counted: Vec<(String, String, i64)> = dead_letters::table
        .group_by((dead_letters::subscription, dead_letters::state))
        .select((
            dead_letters::subscription,
            dead_letters::state,
            diesel::dsl::count_star(),
        ))
        .load(connection)
        .map_err(store_error)?;
    let mut letters: BTreeMap<String, LetterCounts> = BTreeMap::new();
    for (subscription, state, count) in counted {
        let counts = letters.entry(subscription).or_default();
        counts.put_aside += count;
        if state == DEAD {
            counts.dead += count;
        }
    }
    let now = now.as_microsecond();
    rows.into_iter()
        .map(|(row, leased_until)| {
            let letters = letters.get(row.name()).copied().unwrap_or_default();
            row.status(leased_until.is_some_and(|until| until > now), letters)
        })
        .collect()
}
