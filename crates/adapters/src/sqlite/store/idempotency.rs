//! Idempotency keys: leased, completed and released by the connection that writes.
//!
//! Each of these writes has to be stored before its caller goes on, and a commit of its own would delay the commands of
//! all others. So they gather while the writer is busy, and one transaction stores all that have gathered when it turns
//! to them.

use std::mem::take;
use std::sync::{Mutex, MutexGuard, PoisonError};

use diesel::prelude::*;
use diesel::result::QueryResult;
use earmark_application::{IdempotencyKey, LeaseOutcome, LeaseRequest, LeaseToken, StoreError};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::super::builder::{first_rows, one_of, update};
use super::super::error::store_error;
use super::super::schema::idempotency_keys;
use super::write_connection::WriteConnection;

/// How many writes gather. More than a service has calls under way; beyond that it is busy.
const MOST_GATHERED: usize = 16 * 1024;

/// A write that waits for the writer.
pub(in crate::sqlite) enum Write {
    /// Requests the lease on a key.
    Acquire(LeaseRequest),
    /// Stores the answer under a key.
    Complete(IdempotencyKey, LeaseToken, Vec<u8>),
    /// Releases a key.
    Release(IdempotencyKey, LeaseToken),
}

/// The result of a write.
pub(in crate::sqlite) enum Outcome {
    /// Of a request for a lease.
    Lease(LeaseOutcome),
    /// How many rows it wrote.
    Rows(usize),
}

/// Where the caller waits for it.
type Reply = oneshot::Sender<Result<Outcome, StoreError>>;

/// The writes that wait.
#[derive(Default)]
pub(in crate::sqlite) struct IdempotencyQueue(Mutex<Vec<(Write, Reply)>>);

impl IdempotencyQueue {
    fn gathered(&self) -> MutexGuard<'_, Vec<(Write, Reply)>> {
        // No code in here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a write.
    pub(in crate::sqlite) fn push(&self, write: Write, reply: Reply) -> Result<(), StoreError> {
        let mut gathered = self.gathered();
        if gathered.len() >= MOST_GATHERED {
            return Err(StoreError::Unavailable(
                "too many writes of idempotency keys are waiting".to_owned(),
            ));
        }
        gathered.push((write, reply));
        drop(gathered);
        Ok(())
    }

    /// Stores all that have gathered, and replies to each caller; answers whether the connection is still good.
    pub(in crate::sqlite) fn run(&self, connection: Result<&mut WriteConnection, StoreError>) -> bool {
        let mut gathered = take(&mut *self.gathered());
        // A lease for a caller that has gone away would only delay the next call.
        gathered.retain(|(write, reply)| !(matches!(write, Write::Acquire(_)) && reply.is_closed()));
        if gathered.is_empty() {
            return true;
        }
        let (writes, replies): (Vec<Write>, Vec<Reply>) = gathered.into_iter().unzip();
        let (outcomes, good) = match connection {
            Ok(connection) => {
                connection.in_one_transaction(|connection| writes.iter().map(|write| write.run(connection)).collect())
            }
            Err(error) => (Err(error), true),
        };
        match outcomes {
            Ok(outcomes) => {
                for (reply, outcome) in replies.into_iter().zip::<Vec<Outcome>>(outcomes) {
                    // The caller may have gone away meanwhile.
                    drop(reply.send(Ok(outcome)));
                }
            }
            Err(error) => {
                let why = error.to_string();
                for reply in replies {
                    drop(reply.send(Err(StoreError::Unavailable(why.clone()))));
                }
            }
        }
        good
    }
}

/// By what the connection knows the answer's UPDATE.
struct StoreAnswer;

impl Write {
    fn run(&self, connection: &mut SqliteConnection) -> Result<Outcome, StoreError> {
        let written = match self {
            Self::Acquire(request) => return acquire(connection, request).map(Outcome::Lease).map_err(store_error),
            Self::Complete(key, token, answer) => {
                let leased = idempotency_keys::key
                    .eq(key.as_str())
                    .and(idempotency_keys::token.eq(token.0.as_slice()))
                    .and(idempotency_keys::answer.is_null());
                let answered = (idempotency_keys::answer.eq(answer.as_slice()),);
                update::<StoreAnswer, _, _, _>(&idempotency_keys::table, leased, answered).execute(connection)
            }
            Self::Release(key, token) => {
                let leased = idempotency_keys::table
                    .filter(idempotency_keys::key.eq(key.as_str()))
                    .filter(idempotency_keys::token.eq(token.0.as_slice()))
                    .filter(idempotency_keys::answer.is_null());
                diesel::delete(leased).execute(connection)
            }
        };
        written.map(Outcome::Rows).map_err(store_error)
    }
}

fn acquire(connection: &mut SqliteConnection, request: &LeaseRequest) -> QueryResult<LeaseOutcome> {
    type Known = (Vec<u8>, Vec<u8>, i64, Option<Vec<u8>>);
    let now = request.now.as_microsecond();
    let known: Option<Known> = idempotency_keys::table
        .filter(idempotency_keys::key.eq(request.key.as_str()))
        .filter(idempotency_keys::expires_at.gt(now))
        .select((
            idempotency_keys::fingerprint,
            idempotency_keys::token,
            idempotency_keys::leased_until,
            idempotency_keys::answer,
        ))
        .get_result(connection)
        .optional()?;
    if let Some((fingerprint, token, leased_until, answer)) = known {
        if fingerprint != request.fingerprint.0 {
            return Ok(LeaseOutcome::Mismatch);
        }
        if let Some(answer) = answer {
            return Ok(LeaseOutcome::Answered(answer));
        }
        if token != request.token.0 && leased_until > now {
            return Ok(LeaseOutcome::InProgress);
        }
    }
    let lease = LeaseValues {
        key: request.key.as_str(),
        fingerprint: &request.fingerprint.0,
        token: &request.token.0,
        leased_until: request.leased_until.as_microsecond(),
        expires_at: request.expires_at.as_microsecond(),
        answer: None,
    };
    // It replaces an expired key, or a lease that has ended.
    diesel::replace_into(idempotency_keys::table)
        .values(&lease)
        .execute(connection)?;
    Ok(LeaseOutcome::Acquired)
}

/// A key that has just been leased, as it is written, whole.
#[derive(Insertable)]
#[diesel(table_name = idempotency_keys, treat_none_as_default_value = false)]
struct LeaseValues<'a> {
    key: &'a str,
    fingerprint: &'a [u8],
    token: &'a [u8],
    leased_until: i64,
    expires_at: i64,
    answer: Option<&'a [u8]>,
}

/// Deletes expired keys, the earliest expired first; answers how many.
pub(in crate::sqlite) fn purge(
    connection: &mut SqliteConnection,
    now: Timestamp,
    limit: usize,
) -> Result<usize, StoreError> {
    let expired = idempotency_keys::table
        .filter(idempotency_keys::expires_at.le(now.as_microsecond()))
        .order(idempotency_keys::expires_at)
        .select(idempotency_keys::key);
    let expired: Vec<String> = first_rows(expired.load_iter(connection), limit)?;
    let purged = idempotency_keys::table.filter(one_of(idempotency_keys::key, expired.iter().map(String::as_str)));
    diesel::delete(purged).execute(connection).map_err(store_error)
}
