//! Epochs: which history the database tells (docs/adr/0041).
//!
//! A database that is restored from a backup, or that fails over to a standby which had not received everything, tells
//! another history than before. Its origin tells: the cluster, the timeline of its log, which rises with each recovery, the
//! database, and the table of the books, which a dump makes anew. Each new session looks at it, because no session outlives
//! such a change.

use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::{ExpressionMethods, QueryDsl};

use super::error::{OpenError, StatementResult};
use super::numbering::lock_numbering;
use super::schema::epochs;
use super::session::Session;
use super::statement::{load, statement};

/// How the transaction begins in which an epoch does: what is read under the lock is what was stored before it was given.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

/// The number of the epoch that the books of this session's database are in. If the database tells another history than
/// in the last epoch, another begins. 0: there are no tables yet.
///
/// # Errors
/// [`OpenError::Unreachable`]. A session that fails here must not be used.
pub(super) async fn current(session: &Session) -> Result<u64, OpenError> {
    let unreachable = |why| OpenError::Unreachable(format!("the history that it tells is not known: {why}"));
    let Some(origin) = origin(session).await.map_err(unreachable)? else {
        return Ok(0);
    };
    let number = match last(session).await.map_err(unreachable)? {
        Some((number, known)) if known == origin => number,
        _ => begin(session, &origin).await.map_err(unreachable)?,
    };
    unsigned(number)
}

fn unsigned(number: i64) -> Result<u64, OpenError> {
    u64::try_from(number).map_err(|_| OpenError::Unusable(format!("the epoch {number} is negative")))
}

/// The number of the last epoch that is stored, for sessions that read: they begin none. A standby does not tell its origin.
///
/// # Errors
/// As [`current`].
pub(super) async fn stored(session: &Session) -> Result<u64, OpenError> {
    let number = last(session)
        .await
        .map_err(OpenError::of)?
        .map_or(0, |(number, _)| number);
    unsigned(number)
}

/// The database's origin; `None`: there are no books in it.
async fn origin(session: &Session) -> StatementResult<Option<String>> {
    // By hand: functions of the server. The timeline is that of the file of the log that is being written; the control
    // file names the new one only some time after a recovery.
    const ORIGIN: &str = "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' \
         || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '/' \
         || (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || to_regclass('books')::oid";
    let origin: Vec<Option<String>> = statement::<Nullable<Text>>(ORIGIN).rows(session).await?;
    Ok(origin.into_iter().next().flatten())
}

/// The number and the origin of the last epoch; `None`: these books were never opened.
async fn last(session: &Session) -> StatementResult<Option<(i64, String)>> {
    let last = epochs::table.order(epochs::number.desc()).limit(1);
    let last: Vec<(i64, String)> = load(last.select((epochs::number, epochs::origin)), session).await?;
    Ok(last.into_iter().next())
}

/// Begins an epoch, and answers its number, unless another session has done so meanwhile.
async fn begin(session: &Session, origin: &str) -> StatementResult<i64> {
    session.begin(BEGIN).await?;
    // While events are stored no epoch begins: each is of one epoch.
    lock_numbering(session).await?;
    let number = match last(session).await? {
        Some((number, known)) if known == origin => number,
        known => {
            if known.is_none() {
                name(session).await?;
            }
            let begun = insert(session, origin).await?;
            if known.is_some() {
                tracing::warn!(
                    epoch = begun,
                    origin,
                    "the database tells another history than before: an epoch of its own begins"
                );
            }
            begun
        }
    };
    session.commit().await?;
    session.check_acknowledged()?;
    Ok(number)
}

/// Names the books, which have no event yet: those that they were copied from have another name.
async fn name(session: &Session) -> StatementResult<()> {
    // By hand: a function of the server.
    statement::<()>("UPDATE books SET id = replace(gen_random_uuid()::text, '-', '')")
        .execute(session)
        .await
        .map(drop)
}

/// Inserts an epoch behind the last event. Its number is above all that there are, and another than that of an epoch which
/// begins in another copy of these books: it is the time in milliseconds, unless the clock went wrong. The first is 1.
async fn insert(session: &Session, origin: &str) -> StatementResult<i64> {
    // By hand: INSERT from values that are worked out in it.
    const INSERT: &str = "INSERT INTO epochs (number, after_sequence, origin) \
         SELECT coalesce(greatest((SELECT max(number) + 1 FROM epochs), \
         CASE WHEN EXISTS (SELECT FROM epochs) THEN (extract(epoch FROM clock_timestamp()) * 1000)::bigint END), 1), \
         coalesce((SELECT max(sequence) FROM events), 0), ? RETURNING number";
    let number: Vec<i64> = statement::<BigInt>(INSERT)
        .bind::<Text, _>(origin)
        .rows(session)
        .await?;
    Ok(number.into_iter().next().unwrap_or_default())
}
