//! The idempotency store: each step is one statement, and so a transaction of its own that no caller can cut off.
//!
//! The steps use few of the connections at once, so that however many callers send keys, their commands find a
//! connection.

use async_trait::async_trait;
use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Binary, Text, Timestamptz};
use diesel::{BoolExpressionMethods, ExpressionMethods, QueryDsl, Queryable, Selectable, SelectableHelper};
use diesel_async::RunQueryDsl;
use earmark_application::{IdempotencyKey, IdempotencyStore, LeaseOutcome, LeaseRequest, LeaseToken, StoreError};
use jiff::Timestamp;

use super::error::StatementResult;
use super::rows::values::pg_instant;
use super::schema::idempotency_keys;
use super::session::Session;
use super::statement::{load, row_limit, statement};
use super::step::Step;
use super::store::PostgresStore;

/// How often a lease is requested that is neither free nor taken, because other callers change the key at the same
/// time. A second look is nearly always enough.
const ATTEMPTS: usize = 8;

/// A row of `idempotency_keys`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = idempotency_keys, check_for_backend(diesel::pg::Pg))]
struct KeyRow {
    fingerprint: Vec<u8>,
    leased_until: PgTimestamp,
    answer: Option<Vec<u8>>,
}

impl PostgresStore {
    async fn run_on_keys<S: Step>(&self, step: S) -> Result<S::Answer, StoreError> {
        self.run_step(&self.idempotency_slots, step).await
    }
}

/// Takes the lease if the key is free: it is new, or has expired, or its lease has ended without an answer.
struct TakeLease<'a>(&'a LeaseRequest);

impl Step for TakeLease<'_> {
    type Answer = bool;

    async fn run(&self, conn: &Session) -> StatementResult<bool> {
        // A crash of the server may lose a lease, which has then ended early: the commit need not wait for the disk. By
        // hand, because the setting is made in the statement that inserts: it lasts until the transaction ends, which
        // is this statement.
        const TAKE: &str = "\
            WITH settings AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true) AS synchronous) \
            INSERT INTO idempotency_keys AS known (key, fingerprint, token, leased_until, expires_at) \
            SELECT ?, ?, ?, ?, ? FROM settings WHERE synchronous = 'off' \
            ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, token = excluded.token, \
                leased_until = excluded.leased_until, expires_at = excluded.expires_at, answer = NULL \
             WHERE known.expires_at <= ? OR (known.answer IS NULL AND known.fingerprint = excluded.fingerprint \
                   AND (known.leased_until <= ? OR known.token = excluded.token))";
        let request = self.0;
        let taken = statement::<()>(TAKE)
            .bind::<Text, _>(request.key.as_str())
            .bind::<Binary, _>(&request.fingerprint.0[..])
            .bind::<Binary, _>(&request.token.0[..])
            .bind::<Timestamptz, _>(pg_instant(request.leased_until))
            .bind::<Timestamptz, _>(pg_instant(request.expires_at))
            .bind::<Timestamptz, _>(pg_instant(request.now))
            .bind::<Timestamptz, _>(pg_instant(request.now))
            .execute(conn)
            .await?;
        Ok(taken > 0)
    }
}

/// The row of a key that has not expired.
struct Current<'a>(&'a LeaseRequest);

impl Step for Current<'_> {
    type Answer = Option<KeyRow>;

    async fn run(&self, conn: &Session) -> StatementResult<Option<KeyRow>> {
        let row = idempotency_keys::table
            .filter(idempotency_keys::key.eq(self.0.key.as_str()))
            .filter(idempotency_keys::expires_at.gt(pg_instant(self.0.now)))
            .select(KeyRow::as_select());
        Ok(load(row, conn).await?.into_iter().next())
    }
}

/// Stores the answer of the holder of the lease. The same answer may be stored twice.
struct Complete<'a> {
    key: &'a IdempotencyKey,
    token: LeaseToken,
    answer: &'a [u8],
}

impl Step for Complete<'_> {
    type Answer = usize;

    async fn run(&self, conn: &Session) -> StatementResult<usize> {
        let answer = idempotency_keys::answer;
        let update = diesel::update(idempotency_keys::table)
            .filter(idempotency_keys::key.eq(self.key.as_str()))
            .filter(idempotency_keys::token.eq(&self.token.0[..]))
            .filter(answer.is_null().or(answer.eq(self.answer)))
            .set(answer.eq(self.answer));
        let mut connection = conn.connection();
        conn.run(update.execute(&mut connection)).await
    }
}

/// Deletes the key of the holder of the lease, unless it has an answer.
struct Release<'a> {
    key: &'a IdempotencyKey,
    token: LeaseToken,
}

impl Step for Release<'_> {
    type Answer = usize;

    async fn run(&self, conn: &Session) -> StatementResult<usize> {
        let delete = diesel::delete(idempotency_keys::table)
            .filter(idempotency_keys::key.eq(self.key.as_str()))
            .filter(idempotency_keys::token.eq(&self.token.0[..]))
            .filter(idempotency_keys::answer.is_null());
        let mut connection = conn.connection();
        conn.run(delete.execute(&mut connection)).await
    }
}

/// Deletes keys that have expired, the earliest first.
struct Purge {
    now: Timestamp,
    limit: usize,
}

impl Step for Purge {
    type Answer = usize;

    async fn run(&self, conn: &Session) -> StatementResult<usize> {
        // By hand: ARRAY makes the list of keys once, and the keys are then looked up; a subquery could be joined. Keys
        // that another instance purges, or that a caller leases anew, are left to them.
        const PURGE: &str = "DELETE FROM idempotency_keys WHERE key = ANY (ARRAY( \
                SELECT key FROM idempotency_keys WHERE expires_at <= ? ORDER BY expires_at LIMIT ? \
                   FOR UPDATE SKIP LOCKED))";
        statement::<()>(PURGE)
            .bind::<Timestamptz, _>(pg_instant(self.now))
            .bind::<BigInt, _>(row_limit(self.limit))
            .execute(conn)
            .await
    }
}

#[async_trait]
impl IdempotencyStore for PostgresStore {
    async fn acquire(&self, request: &LeaseRequest) -> Result<LeaseOutcome, StoreError> {
        for _ in 0..ATTEMPTS {
            if self.run_on_keys(TakeLease(request)).await? {
                return Ok(LeaseOutcome::Acquired);
            }
            // Between the two steps the key may have been released or purged: then it is free again.
            let Some(row) = self.run_on_keys(Current(request)).await? else {
                continue;
            };
            if row.fingerprint != request.fingerprint.0 {
                return Ok(LeaseOutcome::Mismatch);
            }
            match row.answer {
                Some(answer) => return Ok(LeaseOutcome::Answered(answer)),
                None if row.leased_until.0 > pg_instant(request.now).0 => return Ok(LeaseOutcome::InProgress),
                None => {}
            }
        }
        Ok(LeaseOutcome::InProgress)
    }

    async fn complete(&self, key: &IdempotencyKey, token: LeaseToken, answer: &[u8]) -> Result<bool, StoreError> {
        Ok(self.run_on_keys(Complete { key, token, answer }).await? > 0)
    }

    async fn release(&self, key: &IdempotencyKey, token: LeaseToken) -> Result<(), StoreError> {
        self.run_on_keys(Release { key, token }).await.map(|_| ())
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.run_on_keys(Purge { now, limit }).await
    }
}
