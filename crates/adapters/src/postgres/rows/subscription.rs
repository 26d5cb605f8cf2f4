//! Subscriptions and dead letters.

use diesel::data_types::PgTimestamp;
use diesel::{Queryable, Selectable};
use earmark_application::{DeadLetter, StoreError, SubscriptionLease, SubscriptionStatus};

use super::values::Times;
use crate::postgres::schema::{dead_letters, subscriptions};
use crate::sql::decode::RowContext;
use crate::sql::subscriptions::{LetterCounts, StoredDeadLetter, StoredSubscription};

/// A row of `subscriptions`, but for who holds its lease.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = subscriptions, check_for_backend(diesel::pg::Pg))]
pub(in crate::postgres) struct SubscriptionRow {
    name: String,
    start_epoch: i64,
    start_sequence: i64,
    place_epoch: i64,
    place_sequence: i64,
    delivery_end: Option<i64>,
    delivery_at: Option<PgTimestamp>,
    failing_since: Option<PgTimestamp>,
    failing_attempts: Option<i64>,
    failing_reason: Option<String>,
    disabled: Option<String>,
    fence: i64,
}

impl SubscriptionRow {
    /// The lease that was just given.
    pub(in crate::postgres) fn lease(self) -> Result<SubscriptionLease, StoreError> {
        self.read()?.lease()
    }

    /// The subscription as it is shown.
    pub(in crate::postgres) fn status(
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
        let since = at.instant_if_any("failing_since", self.failing_since)?;
        let delivery_at = at.instant_if_any("delivery_at", self.delivery_at)?;
        let failing = since.zip(self.failing_attempts).zip(self.failing_reason);
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
#[diesel(table_name = dead_letters, check_for_backend(diesel::pg::Pg))]
pub(in crate::postgres) struct DeadLetterRow {
    sequence: i64,
    sku: Option<String>,
    state: String,
    reason: Option<String>,
    attempts: i64,
    since: PgTimestamp,
}

impl TryFrom<DeadLetterRow> for DeadLetter {
    type Error = StoreError;

    fn try_from(row: DeadLetterRow) -> Result<Self, StoreError> {
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
}
