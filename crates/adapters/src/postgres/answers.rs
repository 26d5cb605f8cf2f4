//! Remembered answers: each step is one statement, and so a transaction of its own that no caller can tear.
//!
//! They use few of the connections at once, so that however many callers name their calls, the commands themselves find
//! a connection.

use async_trait::async_trait;
use diesel::data_types::PgTimestamp;
use diesel::deserialize::FromSqlRow;
use diesel::expression::QueryMetadata;
use diesel::pg::Pg;
use diesel::query_dsl::CompatibleType;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, SqlType, Text, Timestamptz};
use diesel_async::pooled_connection::deadpool::Object;
use earmark_application::{IdempotencyKey, IdempotencyStore, LeaseOutcome, LeaseRequest, LeaseToken, StoreError};
use jiff::Timestamp;

use super::error::store_error;
use super::row::pg_instant;
use super::statement::{Statement, statement};
use super::{PostgresStore, is_lost};

/// How often a claim is tried that finds the key neither free nor taken, because others change it at the same time. One
/// more look is nearly always enough.
const ATTEMPTS: usize = 8;

/// How many connections of a pool may be busy with answers at once.
pub(super) const fn connections_for_answers(pool: usize) -> usize {
    match pool {
        0..6 => 1,
        _ => 2,
    }
}

/// A key that stands, as a look finds it: its fingerprint, its token, whether its lease has ended, its answer.
type KnownTypes = (Binary, Binary, Bool, Nullable<Binary>);
type KnownRow = (Vec<u8>, Vec<u8>, bool, Option<Vec<u8>>);

impl PostgresStore {
    /// Runs a statement that is a transaction of its own, and answers its rows.
    ///
    /// A connection may have died without anybody noticing: the next one is tried, and after as many as the pool holds,
    /// one must be new. So what is asked has to come to the same when it is done twice.
    async fn answers_rows<'a, Row, U>(
        &self,
        asked: impl Fn() -> Statement<'a, Row> + Send,
    ) -> Result<Vec<U>, StoreError>
    where
        Row: SqlType + CompatibleType<U, Pg> + Send + 'static,
        Pg: QueryMetadata<Row>,
        U: FromSqlRow<<Row as CompatibleType<U, Pg>>::SqlType, Pg> + Send + 'static,
        <Row as CompatibleType<U, Pg>>::SqlType: 'static,
    {
        let _place = self.answering.acquire().await.map_err(|_| closed())?;
        let mut left = self.pool.status().max_size;
        loop {
            let connection = self.connection().await?;
            match asked().rows(&connection).await {
                Err(error) if left > 0 && is_lost(&error) => {
                    drop(Object::take(connection));
                    left -= 1;
                }
                answer => return answer.map_err(store_error),
            }
        }
    }

    /// Takes the key if nobody has it: it is new, or its time has passed, or its lease has ended without an answer.
    async fn take(&self, claim: &LeaseRequest) -> Result<bool, StoreError> {
        // A crash of the server may forget a claim, which is a lease that has ended: the commit need not wait for the
        // disk. What is set so holds to the end of the transaction, which is this statement.
        const TAKE: &str = "\
            WITH lax AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true) AS setting) \
            INSERT INTO idempotency_keys AS known (key, fingerprint, token, leased_until, expires_at) \
            SELECT ?, ?, ?, ?, ? FROM lax WHERE setting = 'off' \
            ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, token = excluded.token, \
                leased_until = excluded.leased_until, expires_at = excluded.expires_at, answer = NULL \
             WHERE known.expires_at <= ? OR (known.answer IS NULL AND known.fingerprint = excluded.fingerprint \
                   AND (known.leased_until <= ? OR known.token = excluded.token)) \
            RETURNING true";
        let taken: Vec<bool> = self
            .answers_rows(|| {
                statement::<Bool>(TAKE)
                    .bind::<Text, _>(claim.key.as_str())
                    .bind::<Binary, _>(&claim.fingerprint.0[..])
                    .bind::<Binary, _>(&claim.token.0[..])
                    .bind::<Timestamptz, _>(pg_instant(claim.leased_until))
                    .bind::<Timestamptz, _>(pg_instant(claim.expires_at))
                    .bind::<Timestamptz, _>(pg_instant(claim.now))
                    .bind::<Timestamptz, _>(pg_instant(claim.now))
            })
            .await?;
        Ok(!taken.is_empty())
    }

    /// What stands under the key, if it is known.
    async fn known(&self, claim: &LeaseRequest) -> Result<Option<KnownRow>, StoreError> {
        const LOOK: &str = "SELECT fingerprint, token, leased_until <= ?, answer FROM idempotency_keys \
                            WHERE key = ? AND expires_at > ?";
        let now: PgTimestamp = pg_instant(claim.now);
        let known: Vec<KnownRow> = self
            .answers_rows(|| {
                statement::<KnownTypes>(LOOK)
                    .bind::<Timestamptz, _>(now)
                    .bind::<Text, _>(claim.key.as_str())
                    .bind::<Timestamptz, _>(now)
            })
            .await?;
        Ok(known.into_iter().next())
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the store is closed".to_owned())
}

#[async_trait]
impl IdempotencyStore for PostgresStore {
    async fn acquire(&self, claim: &LeaseRequest) -> Result<LeaseOutcome, StoreError> {
        for _ in 0..ATTEMPTS {
            if self.take(claim).await? {
                return Ok(LeaseOutcome::Acquired);
            }
            // Between the two, the key may have been given back or swept: then it is there to be taken.
            let Some((fingerprint, _, lapsed, answer)) = self.known(claim).await? else {
                continue;
            };
            if fingerprint != claim.fingerprint.0 {
                return Ok(LeaseOutcome::Mismatch);
            }
            match answer {
                Some(answer) => return Ok(LeaseOutcome::Answered(answer)),
                None if !lapsed => return Ok(LeaseOutcome::InProgress),
                None => {}
            }
        }
        Ok(LeaseOutcome::InProgress)
    }

    async fn complete(&self, key: &IdempotencyKey, token: LeaseToken, answer: &[u8]) -> Result<bool, StoreError> {
        // To keep it twice is to have kept it.
        const KEEP: &str = "UPDATE idempotency_keys SET answer = ? WHERE key = ? AND token = ? \
                            AND (answer IS NULL OR answer = ?) RETURNING true";
        let kept: Vec<bool> = self
            .answers_rows(|| {
                statement::<Bool>(KEEP)
                    .bind::<Binary, _>(answer)
                    .bind::<Text, _>(key.as_str())
                    .bind::<Binary, _>(&token.0[..])
                    .bind::<Binary, _>(answer)
            })
            .await?;
        Ok(!kept.is_empty())
    }

    async fn release(&self, key: &IdempotencyKey, token: LeaseToken) -> Result<(), StoreError> {
        const GIVE_BACK: &str = "DELETE FROM idempotency_keys WHERE key = ? AND token = ? AND answer IS NULL \
                                 RETURNING true";
        let _: Vec<bool> = self
            .answers_rows(|| {
                statement::<Bool>(GIVE_BACK)
                    .bind::<Text, _>(key.as_str())
                    .bind::<Binary, _>(&token.0[..])
            })
            .await?;
        Ok(())
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        // What another instance sweeps, or somebody claims anew, is left to them.
        const FORGET: &str = "\
            WITH gone AS (DELETE FROM idempotency_keys WHERE key = ANY (ARRAY( \
                SELECT key FROM idempotency_keys WHERE expires_at <= ? ORDER BY expires_at LIMIT ? \
                   FOR UPDATE SKIP LOCKED)) RETURNING 1) \
            SELECT count(*) FROM gone";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let gone: Vec<i64> = self
            .answers_rows(|| {
                statement::<BigInt>(FORGET)
                    .bind::<Timestamptz, _>(pg_instant(now))
                    .bind::<BigInt, _>(limit)
            })
            .await?;
        let gone = gone.into_iter().next().unwrap_or(0);
        usize::try_from(gone).map_err(|why| StoreError::Corrupt(why.to_string()))
    }
}
