//! Remembered answers: claimed, kept and given back by the one who writes.
//!
//! Each claim and each answer is a change that has to be stored before its caller goes on, and a commit of its own would
//! hold up the commands of all others. So they gather while the writer is busy, and whatever has gathered by the time it
//! turns to them is stored by one transaction.

use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use diesel::sql_types::{BigInt, Binary, Nullable};
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::{IdempotencyKey, IdempotencyStore, LeaseOutcome, LeaseRequest, LeaseToken, StoreError};
use jiff::Timestamp;
use tokio::sync::oneshot;

use super::SqliteStore;
use super::error::store_error;
use super::statement::statement;
use super::writer::gone;

/// How many changes gather. More than a service has calls under way; beyond that it is busy.
const MOST_GATHERED: usize = 16 * 1024;

/// A change that waits for the writer.
enum Change {
    LeaseRequest(LeaseRequest),
    Keep(IdempotencyKey, LeaseToken, Vec<u8>),
    GiveBack(IdempotencyKey, LeaseToken),
}

/// What came of a change.
enum Done {
    LeaseOutcome(LeaseOutcome),
    /// How many rows it wrote.
    Written(usize),
}

/// Where it is told.
type Told = oneshot::Sender<Result<Done, StoreError>>;

/// The changes that wait.
#[derive(Default)]
pub(super) struct Errands(Mutex<Vec<(Change, Told)>>);

impl Errands {
    /// Nothing in here panics half way.
    fn gathered(&self) -> MutexGuard<'_, Vec<(Change, Told)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores all that have gathered, and tells each caller; answers whether the connection is still good.
    fn run(&self, connection: Result<&mut SqliteConnection, StoreError>) -> bool {
        let mut gathered = take(&mut *self.gathered());
        // A key that is claimed for nobody would only be in the way of the next who calls.
        gathered.retain(|(change, placing_event)| {
            !(matches!(change, Change::LeaseRequest(_)) && placing_event.is_closed())
        });
        if gathered.is_empty() {
            return true;
        }
        let (changes, placing_event): (Vec<Change>, Vec<Told>) = gathered.into_iter().unzip();
        let (done, good) = match connection {
            Ok(connection) => in_one_transaction(connection, |connection| {
                changes.iter().map(|change| change.run(connection)).collect()
            }),
            Err(error) => (Err(error), true),
        };
        match done {
            Ok(done) => {
                for (placing_event, done) in placing_event.into_iter().zip::<Vec<Done>>(done) {
                    // Nobody waits for it when the caller has gone away meanwhile.
                    drop(placing_event.send(Ok(done)));
                }
            }
            Err(error) => {
                let why = error.to_string();
                for placing_event in placing_event {
                    drop(placing_event.send(Err(StoreError::Unavailable(why.clone()))));
                }
            }
        }
        good
    }
}

/// Runs a step in a transaction of its own: stored whole, or not at all. Answers what it came to, and whether the
/// connection is still good.
fn in_one_transaction<T>(
    connection: &mut SqliteConnection,
    step: impl FnOnce(&mut SqliteConnection) -> Result<T, StoreError>,
) -> (Result<T, StoreError>, bool) {
    let control = |connection: &mut SqliteConnection, text| {
        let ran = statement::<()>(text).execute(connection);
        ran.map(drop).map_err(store_error)
    };
    if let Err(error) = control(connection, "BEGIN IMMEDIATE") {
        return (Err(error), true);
    }
    let done = step(connection).and_then(|done| control(connection, "COMMIT").map(|()| done));
    let good = done.is_ok() || control(connection, "ROLLBACK").is_ok();
    (done, good)
}

impl Change {
    fn run(&self, connection: &mut SqliteConnection) -> Result<Done, StoreError> {
        const KEEP: &str = "UPDATE idempotency_keys SET answer = ? WHERE key = ? AND token = ? AND answer IS NULL";
        const GIVE_BACK: &str = "DELETE FROM idempotency_keys WHERE key = ? AND token = ? AND answer IS NULL";
        let written = match self {
            Self::LeaseRequest(claim) => return claimed(connection, claim).map(Done::LeaseOutcome),
            Self::Keep(key, token, answer) => statement::<()>(KEEP)
                .bytes(answer)
                .text(key.as_str())
                .bytes(&token.0)
                .write(connection),
            Self::GiveBack(key, token) => statement::<()>(GIVE_BACK)
                .text(key.as_str())
                .bytes(&token.0)
                .write(connection),
        };
        written.map(Done::Written).map_err(store_error)
    }
}

fn claimed(connection: &mut SqliteConnection, claim: &LeaseRequest) -> Result<LeaseOutcome, StoreError> {
    const LOOK: &str = "SELECT fingerprint, token, leased_until, answer FROM idempotency_keys \
                        WHERE key = ? AND expires_at > ?";
    const CLAIM: &str = "INSERT INTO idempotency_keys (key, fingerprint, token, leased_until, expires_at) \
                         VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, \
                         token = excluded.token, leased_until = excluded.leased_until, \
                         expires_at = excluded.expires_at, answer = NULL";
    type Types = (Binary, Binary, BigInt, Nullable<Binary>);
    type Row = (Vec<u8>, Vec<u8>, i64, Option<Vec<u8>>);
    let now = claim.now.as_microsecond();
    let known: Vec<Row> = statement::<Types>(LOOK)
        .text(claim.key.as_str())
        .integer(now)
        .load(connection)
        .map_err(store_error)?;
    if let Some((fingerprint, token, leased_until, answer)) = known.into_iter().next() {
        if fingerprint != claim.fingerprint.0 {
            return Ok(LeaseOutcome::Mismatch);
        }
        if let Some(answer) = answer {
            return Ok(LeaseOutcome::Answered(answer));
        }
        if token != claim.token.0 && leased_until > now {
            return Ok(LeaseOutcome::InProgress);
        }
    }
    statement::<()>(CLAIM)
        .text(claim.key.as_str())
        .bytes(&claim.fingerprint.0)
        .bytes(&claim.token.0)
        .integer(claim.leased_until.as_microsecond())
        .integer(claim.expires_at.as_microsecond())
        .write(connection)
        .map_err(store_error)?;
    Ok(LeaseOutcome::Acquired)
}

fn forget(connection: &mut SqliteConnection, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
    const FORGET: &str = "DELETE FROM idempotency_keys WHERE rowid IN \
                          (SELECT rowid FROM idempotency_keys WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)";
    statement::<()>(FORGET)
        .integer(now.as_microsecond())
        .integer(i64::try_from(limit).unwrap_or(i64::MAX))
        .write(connection)
        .map_err(store_error)
}

impl SqliteStore {
    /// Has a change stored together with those that wait beside it.
    async fn store(&self, change: Change) -> Result<Done, StoreError> {
        let (placing_event, done) = oneshot::channel();
        {
            let mut gathered = self.errands.gathered();
            if gathered.len() >= MOST_GATHERED {
                return Err(StoreError::Unavailable("too many answers wait to be kept".to_owned()));
            }
            gathered.push((change, placing_event));
        }
        // Everybody calls the writer, who finds nothing left to do where it has come for somebody else before: then no
        // change waits for a caller that has gone away.
        let errands = Arc::clone(&self.errands);
        let errand = move |connection: Result<&mut SqliteConnection, StoreError>| errands.run(connection);
        self.writer.send(Box::new(errand)).await?;
        done.await.map_err(|_| gone())?
    }
}

#[async_trait]
impl IdempotencyStore for SqliteStore {
    async fn acquire(&self, claim: &LeaseRequest) -> Result<LeaseOutcome, StoreError> {
        match self.store(Change::LeaseRequest(claim.clone())).await? {
            Done::LeaseOutcome(claimed) => Ok(claimed),
            Done::Written(_) => Err(StoreError::Corrupt("a claim was answered as something else".to_owned())),
        }
    }

    async fn complete(&self, key: &IdempotencyKey, token: LeaseToken, answer: &[u8]) -> Result<bool, StoreError> {
        let change = Change::Keep(key.clone(), token, answer.to_owned());
        Ok(matches!(self.store(change).await?, Done::Written(1)))
    }

    async fn release(&self, key: &IdempotencyKey, token: LeaseToken) -> Result<(), StoreError> {
        self.store(Change::GiveBack(key.clone(), token)).await.map(drop)
    }

    async fn purge_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let (placing_event, forgotten) = oneshot::channel();
        let errand = move |connection: Result<&mut SqliteConnection, StoreError>| {
            let (forgotten, good) = match connection {
                Ok(connection) => in_one_transaction(connection, |connection| forget(connection, now, limit)),
                Err(error) => (Err(error), true),
            };
            drop(placing_event.send(forgotten));
            good
        };
        self.writer.send(Box::new(errand)).await?;
        forgotten.await.map_err(|_| gone())?
    }
}
