//! Subscriptions and what they have put aside. Leases go by the server's clock, which all instances share.

use std::collections::BTreeMap;

use async_trait::async_trait;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text, Timestamptz};
use diesel::{ExpressionMethods, QueryDsl, SelectableHelper};
use diesel_async::RunQueryDsl;
use earmark_application::{
    DeadLetter, DeadLetterAction, LeaseClaim, Progress, Retried, StoreError, SubscriptionLease, SubscriptionName,
    SubscriptionStatus, Subscriptions,
};
use earmark_domain::Sku;
use jiff::Timestamp;

use super::error::StatementResult;
use super::rows::values::pg_instant;
use super::rows::{DeadLetterRow, SubscriptionRow, records};
use super::schema::{dead_letters, subscriptions};
use super::session::Session;
use super::statement::{TypesOf, column, load, row_limit, statement};
use super::step::Step;
use super::store::PostgresStore;
use crate::sql::decode::counter;
use crate::sql::subscriptions::{LetterCounts, stored_state};

/// Takes or renews a lease.
struct Lease<'a>(&'a LeaseClaim);

impl Step for Lease<'_> {
    type Answer = Option<SubscriptionRow>;

    async fn run(&self, conn: &Session) -> StatementResult<Option<SubscriptionRow>> {
        // By hand: ON CONFLICT with a condition. The clock is read again where a row is waited for.
        const LEASE: &str = "INSERT INTO subscriptions (name, start_epoch, start_sequence, place_epoch, place_sequence, \
             fence, holder, leased_until) \
             SELECT name, epoch, sequence, epoch, sequence, 1, holder, clock_timestamp() + lasts \
             FROM (SELECT ? AS name, ? AS epoch, ? AS sequence, ? AS holder, \
             ?::bigint * interval '1 microsecond' AS lasts) AS claim \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, \
             fence = subscriptions.fence \
             + CASE WHEN subscriptions.holder = excluded.holder THEN 0 ELSE 1 END, \
             leased_until = clock_timestamp() + ?::bigint * interval '1 microsecond' \
             WHERE subscriptions.holder IS NULL OR subscriptions.holder = excluded.holder \
             OR subscriptions.leased_until <= clock_timestamp() RETURNING {}";
        let claim = self.0;
        let lasts = i64::try_from(claim.lasts.as_micros()).unwrap_or(i64::MAX);
        let rows: Vec<SubscriptionRow> = statement::<TypesOf<SubscriptionRow>>(LEASE)
            .bind::<Text, _>(claim.name.as_str())
            .bind::<BigInt, _>(counter(claim.start.epoch))
            .bind::<BigInt, _>(counter(claim.start.sequence))
            .bind::<Binary, _>(&claim.holder.0[..])
            .bind::<BigInt, _>(lasts)
            .bind::<BigInt, _>(lasts)
            .columns::<SubscriptionRow>()
            .rows(conn)
            .await?;
        Ok(rows.into_iter().next())
    }
}

/// Stores how far a subscription has got.
struct Save<'a> {
    name: &'a SubscriptionName,
    fence: u64,
    progress: &'a Progress,
    letters: &'a [DeadLetter],
}

impl Step for Save<'_> {
    type Answer = bool;

    async fn run(&self, conn: &Session) -> StatementResult<bool> {
        // By hand: the progress and the letters in one statement, the latter only if the former is stored.
        const SAVE: &str = "WITH saved AS ( \
             UPDATE subscriptions SET place_epoch = ?, place_sequence = ?, delivery_end = ?, delivery_at = ?, \
             failing_since = ?, failing_attempts = ?, failing_reason = ?, disabled = coalesce(?, disabled) \
             WHERE name = ? AND fence = ? RETURNING name), \
             put_aside AS (INSERT INTO dead_letters (subscription, sequence, sku, state, reason, attempts, since) \
             SELECT saved.name, letter.* FROM saved CROSS JOIN unnest(?, ?, ?, ?, ?, ?) \
             AS letter (sequence, sku, state, reason, attempts, since) \
             ON CONFLICT (subscription, sequence) DO UPDATE SET state = excluded.state, reason = excluded.reason, \
             attempts = excluded.attempts, since = excluded.since) \
             SELECT count(*) FROM saved";
        let Progress {
            place,
            delivery_end,
            delivery_at,
            failing,
            disabled,
        } = self.progress;
        let failing = failing.as_ref();
        // Each once, as it is named last: the statement refuses to write a row twice.
        let letters: BTreeMap<u64, &DeadLetter> = self.letters.iter().map(|letter| (letter.sequence, letter)).collect();
        let letters: Vec<&DeadLetter> = letters.into_values().collect();
        let saved: Vec<i64> = statement::<BigInt>(SAVE)
            .bind::<BigInt, _>(counter(place.epoch))
            .bind::<BigInt, _>(counter(place.sequence))
            .bind::<Nullable<BigInt>, _>(delivery_end.map(counter))
            .bind::<Nullable<Timestamptz>, _>(delivery_at.map(pg_instant))
            .bind::<Nullable<Timestamptz>, _>(failing.map(|failing| pg_instant(failing.since)))
            .bind::<Nullable<BigInt>, _>(failing.map(|failing| i64::from(failing.attempts)))
            .bind::<Nullable<Text>, _>(failing.map(|failing| failing.reason.as_str()))
            .bind::<Nullable<Text>, _>(disabled.as_deref())
            .bind::<Text, _>(self.name.as_str())
            .bind::<BigInt, _>(counter(self.fence))
            .array::<BigInt, _>(column(&letters, |letter| counter(letter.sequence)))
            .array::<Nullable<Text>, _>(column(&letters, |letter| letter.sku.as_ref().map(Sku::as_str)))
            .array::<Text, _>(column(&letters, |letter| stored_state(&letter.state).0))
            .array::<Nullable<Text>, _>(column(&letters, |letter| stored_state(&letter.state).1))
            .array::<BigInt, _>(column(&letters, |letter| i64::from(letter.attempts)))
            .array::<Timestamptz, PgTimestamp>(column(&letters, |letter| pg_instant(letter.since)))
            .rows(conn)
            .await?;
        Ok(saved == [1])
    }
}

/// Gives a lease back.
struct Release<'a> {
    name: &'a SubscriptionName,
    fence: u64,
}

impl Step for Release<'_> {
    type Answer = usize;

    async fn run(&self, conn: &Session) -> StatementResult<usize> {
        let update = diesel::update(subscriptions::table)
            .filter(subscriptions::name.eq(self.name.as_str()))
            .filter(subscriptions::fence.eq(counter(self.fence)))
            .set((
                subscriptions::holder.eq(None::<&[u8]>),
                subscriptions::leased_until.eq(None::<PgTimestamp>),
            ));
        let mut connection = conn.connection();
        conn.run(update.execute(&mut connection)).await
    }
}

/// Decides on letters: at most as many as a subscription may have.
struct Decide<'a> {
    name: &'a SubscriptionName,
    /// `None`: on all.
    sequences: Option<&'a [u64]>,
    action: DeadLetterAction,
}

impl Step for Decide<'_> {
    type Answer = usize;

    async fn run(&self, conn: &Session) -> StatementResult<usize> {
        // By hand: one text, whether or not letters are named.
        let text = match self.action {
            DeadLetterAction::Replay => {
                "UPDATE dead_letters SET state = 'waits', reason = NULL, attempts = 0 \
                 WHERE subscription = ? AND state = 'dead' AND (? OR sequence = ANY (?))"
            }
            DeadLetterAction::Skip => "DELETE FROM dead_letters WHERE subscription = ? AND (? OR sequence = ANY (?))",
        };
        statement::<()>(text)
            .bind::<Text, _>(self.name.as_str())
            .bind::<Bool, _>(self.sequences.is_none())
            .array::<BigInt, _>(stored(self.sequences.unwrap_or_default()))
            .execute(conn)
            .await
    }
}

/// Removes letters that were delivered.
struct Bury<'a> {
    name: &'a SubscriptionName,
    fence: u64,
    sequences: &'a [u64],
}

impl Step for Bury<'_> {
    type Answer = bool;

    async fn run(&self, conn: &Session) -> StatementResult<bool> {
        // By hand: the fence is looked at under a lock, so that nobody gets a higher one meanwhile.
        const BURY: &str = "WITH held AS ( \
             SELECT name FROM subscriptions WHERE name = ? AND fence = ? FOR NO KEY UPDATE), \
             buried AS (DELETE FROM dead_letters USING held \
             WHERE dead_letters.subscription = held.name AND dead_letters.sequence = ANY (?)) \
             SELECT count(*) FROM held";
        let held: Vec<i64> = statement::<BigInt>(BURY)
            .bind::<Text, _>(self.name.as_str())
            .bind::<BigInt, _>(counter(self.fence))
            .array::<BigInt, _>(stored(self.sequences))
            .rows(conn)
            .await?;
        Ok(held == [1])
    }
}

/// Stores how a letter stands that was tried once more.
struct Retry<'a> {
    name: &'a SubscriptionName,
    fence: u64,
    letter: &'a DeadLetter,
}

impl Step for Retry<'_> {
    type Answer = Retried;

    async fn run(&self, conn: &Session) -> StatementResult<Retried> {
        // By hand: the fence is looked at under a lock, so that nobody gets a higher one meanwhile.
        const RETRIED: &str = "WITH held AS ( \
             SELECT name FROM subscriptions WHERE name = ? AND fence = ? FOR NO KEY UPDATE), \
             stored AS (UPDATE dead_letters SET state = ?, reason = ?, attempts = ? FROM held \
             WHERE dead_letters.subscription = held.name AND dead_letters.sequence = ? RETURNING sequence) \
             SELECT (SELECT count(*) FROM held), (SELECT count(*) FROM stored)";
        let (state, reason) = stored_state(&self.letter.state);
        let counted: Vec<(i64, i64)> = statement::<(BigInt, BigInt)>(RETRIED)
            .bind::<Text, _>(self.name.as_str())
            .bind::<BigInt, _>(counter(self.fence))
            .bind::<Text, _>(state)
            .bind::<Nullable<Text>, _>(reason)
            .bind::<BigInt, _>(i64::from(self.letter.attempts))
            .bind::<BigInt, _>(counter(self.letter.sequence))
            .rows(conn)
            .await?;
        Ok(match counted[..] {
            [(1, 1)] => Retried::Stored,
            [(1, _)] => Retried::Dropped,
            _ => Retried::Fenced,
        })
    }
}

/// Disables a subscription.
struct Disable<'a> {
    name: &'a SubscriptionName,
    reason: &'a str,
}

impl Step for Disable<'_> {
    type Answer = usize;

    async fn run(&self, conn: &Session) -> StatementResult<usize> {
        let update = diesel::update(subscriptions::table)
            .filter(subscriptions::name.eq(self.name.as_str()))
            .set(subscriptions::disabled.eq(self.reason));
        let mut connection = conn.connection();
        conn.run(update.execute(&mut connection)).await
    }
}

/// Enables a subscription, and forgets how it failed: it is tried at once.
struct Enable<'a>(&'a SubscriptionName);

impl Step for Enable<'_> {
    type Answer = usize;

    async fn run(&self, conn: &Session) -> StatementResult<usize> {
        let update = diesel::update(subscriptions::table)
            .filter(subscriptions::name.eq(self.0.as_str()))
            .set((
                subscriptions::disabled.eq(None::<&str>),
                subscriptions::failing_since.eq(None::<PgTimestamp>),
                subscriptions::failing_attempts.eq(None::<i64>),
                subscriptions::failing_reason.eq(None::<&str>),
            ));
        let mut connection = conn.connection();
        conn.run(update.execute(&mut connection)).await
    }
}

/// All subscriptions, each with whether it is leased, and how many letters it has.
struct All;

type Shown = (SubscriptionRow, Option<bool>, i64, i64);

impl Step for All {
    type Answer = Vec<Shown>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<Shown>> {
        // By hand: the server's clock, and counts for each row.
        const ALL: &str = "SELECT {}, leased_until > clock_timestamp(), letters.put_aside, letters.dead \
             FROM subscriptions CROSS JOIN LATERAL (SELECT count(*) AS put_aside, \
             count(*) FILTER (WHERE state = 'dead') AS dead \
             FROM dead_letters WHERE subscription = subscriptions.name) AS letters ORDER BY name";
        statement::<(TypesOf<SubscriptionRow>, Nullable<Bool>, BigInt, BigInt)>(ALL)
            .columns::<SubscriptionRow>()
            .rows(conn)
            .await
    }
}

/// A page of letters.
struct Letters<'a> {
    name: &'a SubscriptionName,
    after: u64,
    limit: usize,
}

impl Step for Letters<'_> {
    type Answer = Vec<DeadLetterRow>;

    async fn run(&self, conn: &Session) -> StatementResult<Vec<DeadLetterRow>> {
        let page = dead_letters::table
            .filter(dead_letters::subscription.eq(self.name.as_str()))
            .filter(dead_letters::sequence.gt(i64::try_from(self.after).unwrap_or(i64::MAX)))
            .order(dead_letters::sequence)
            .limit(row_limit(self.limit))
            .select(DeadLetterRow::as_select());
        load(page, conn).await
    }
}

fn stored(sequences: &[u64]) -> Vec<i64> {
    // What no database counts to is in none.
    sequences
        .iter()
        .filter_map(|sequence| i64::try_from(*sequence).ok())
        .collect()
}

impl PostgresStore {
    async fn run_on_subscriptions<S: Step>(&self, step: S) -> Result<S::Answer, StoreError> {
        self.run_step(&self.subscription_slots, step).await
    }
}

#[async_trait]
impl Subscriptions for PostgresStore {
    async fn lease(&self, claim: &LeaseClaim) -> Result<Option<SubscriptionLease>, StoreError> {
        let leased = self.run_on_subscriptions(Lease(claim)).await?;
        leased.map(SubscriptionRow::lease).transpose()
    }

    async fn save(
        &self,
        name: &SubscriptionName,
        fence: u64,
        progress: &Progress,
        letters: &[DeadLetter],
    ) -> Result<bool, StoreError> {
        self.run_on_subscriptions(Save {
            name,
            fence,
            progress,
            letters,
        })
        .await
    }

    async fn release(&self, name: &SubscriptionName, fence: u64) -> Result<(), StoreError> {
        self.run_on_subscriptions(Release { name, fence }).await.map(drop)
    }

    async fn subscriptions(&self, _: Timestamp) -> Result<Vec<SubscriptionStatus>, StoreError> {
        let all = self.run_on_subscriptions(All).await?.into_iter();
        all.map(|(row, is_leased, put_aside, dead)| {
            row.status(is_leased == Some(true), LetterCounts { put_aside, dead })
        })
        .collect()
    }

    async fn dead_letters(
        &self,
        name: &SubscriptionName,
        after: u64,
        limit: usize,
    ) -> Result<Vec<DeadLetter>, StoreError> {
        records(self.run_on_subscriptions(Letters { name, after, limit }).await?)
    }

    async fn decide_on_dead_letters(
        &self,
        name: &SubscriptionName,
        sequences: Option<&[u64]>,
        action: DeadLetterAction,
    ) -> Result<u64, StoreError> {
        let decide = Decide {
            name,
            sequences,
            action,
        };
        Ok(self.run_on_subscriptions(decide).await? as u64)
    }

    async fn retried(&self, name: &SubscriptionName, fence: u64, letter: &DeadLetter) -> Result<Retried, StoreError> {
        self.run_on_subscriptions(Retry { name, fence, letter }).await
    }

    async fn bury(&self, name: &SubscriptionName, fence: u64, sequences: &[u64]) -> Result<bool, StoreError> {
        self.run_on_subscriptions(Bury { name, fence, sequences }).await
    }

    async fn disable(&self, name: &SubscriptionName, reason: Option<&str>) -> Result<bool, StoreError> {
        let changed = match reason {
            Some(reason) => self.run_on_subscriptions(Disable { name, reason }).await?,
            None => self.run_on_subscriptions(Enable(name)).await?,
        };
        Ok(changed > 0)
    }
}
