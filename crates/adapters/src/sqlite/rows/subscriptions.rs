//! Subscriptions and dead letters.

use diesel::prelude::{Queryable, Selectable};
use diesel::sqlite::Sqlite;
use earmark_application::{DeadLetter, StoreError, SubscriptionLease, SubscriptionStatus};

use super::super::schema::{dead_letters, subscriptions};
use super::Times;
use crate::sql::decode::RowContext;
use crate::sql::subscriptions::{LetterCounts, StoredDeadLetter, StoredSubscription};

/// A row of `subscriptions`, but for who holds its lease.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = subscriptions, check_for_backend(Sqlite))]
pub(in crate::sqlite) struct SubscriptionRow {
    name: String,
    start_epoch: i64,
    start_sequence: i64,
    place_epoch: i64,
    place_sequence: i64,
    delivery_end: Option<i64>,
    delivery_at: Option<i64>,
    failing_since: Option<i64>,
    failing_attempts: Option<i64>,
    failing_reason: Option<String>,
    disabled: Option<String>,
    fence: i64,
}

impl SubscriptionRow {
    /// Its name.
    pub(in crate::sqlite) fn name(&self) -> &str {
        &self.name
    }

    /// The lease that was just given.
    pub(in crate::sqlite) fn lease(self) -> Result<SubscriptionLease, StoreError> {
        self.read()?.lease()
    }

    /// The subscription as it is shown.
    pub(in crate::sqlite) fn status(
        self,
        is_leased: bool,
        letters: LetterCounts,
    ) -> Result<SubscriptionStatus, StoreError> {
        self.read()?.status(is_leased, letters)
    }

    fn read(self) -> Result<StoredSubscription, StoreError> {
        let at = RowContext {
            table: "subscriptions",
            key: &self.name,
        };
        let since = self.failing_since.map(|since| at.instant("failing_since", since));
        let delivery_at = self.delivery_at.map(|instant| at.instant("delivery_at", instant));
        let delivery_at = delivery_at.transpose()?;
        let failing = since.transpose()?.zip(self.failing_attempts).zip(self.failing_reason);
        Ok(StoredSubscription {
            start: (self.start_epoch, self.start_sequence),
            place: (self.place_epoch, self.place_sequence),
            delivery_end: self.delivery_end,
            delivery_at,
            failing: failing.map(|((since, attempts), reason)| (since, attempts, reason)),
            disabled: self.disabled,
            fence: self.fence,
            name: self.name,
        })
    }
}

/// A row of `dead_letters`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = dead_letters, check_for_backend(Sqlite))]
pub(in crate::sqlite) struct DeadLetterRow {
    sequence: i64,
    sku: Option<String>,
    state: String,
    reason: Option<String>,
    attempts: i64,
    since: i64,
}

/// A dead letter.
pub(in crate::sqlite) fn dead_letter(row: DeadLetterRow) -> Result<DeadLetter, StoreError> {
    let at = RowContext {
        table: "dead_letters",
        key: &row.sequence,
    };
    let since = at.instant("since", row.since)?;
    StoredDeadLetter {
        sequence: row.sequence,
        sku: row.sku,
        state: row.state,
        reason: row.reason,
        attempts: row.attempts,
        since,
    }
    .try_into()
}
