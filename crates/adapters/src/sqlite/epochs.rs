//! Epochs: which history the file tells (docs/adr/0041).
//!
//! A copy of a file tells the history that both have, and then its own. So a file that is opened to be written, and is not
//! the one that its last epoch began in, begins another. A copy that `earmark backup` or `earmark restore` has written says
//! that it is one, wherever it is put.

use std::path::Path;

use diesel::prelude::*;
use diesel::result::Error;
use diesel::sql_types::BigInt;
use earmark_application::{Books, StoreError};

use super::error::{OpenError, store_error};
use super::file::{FileConnection, origin};
use super::schema::{books, epochs};
use super::statement::statement;
use super::store::newest_event;

/// The origin of a copy.
const COPY: &str = "copy";

/// Begins an epoch unless the file is the one that the last began in. Two programs may open it at once: one begins the
/// epoch.
///
/// # Errors
/// [`OpenError::Unreachable`].
pub(super) fn begin_if_new(connection: &mut FileConnection, path: &Path) -> Result<(), OpenError> {
    let unreachable = |why: &dyn std::fmt::Display| OpenError::Unreachable {
        path: path.to_owned(),
        why: why.to_string(),
    };
    let origin = origin(connection.file()).map_err(|why| unreachable(&why))?;
    let is_known = |connection: &mut SqliteConnection| -> QueryResult<bool> {
        Ok(last(connection)?.is_some_and(|(_, known)| known == origin))
    };
    // First without a lock, for which another program might be waited for.
    if is_known(connection).map_err(|why| unreachable(&why))? {
        return Ok(());
    }
    let begun = connection.immediate_transaction(|connection| {
        if is_known(connection)? {
            return Ok(());
        }
        begin(connection, &origin)
    });
    begun.map_err(|why: Error| unreachable(&why))
}

/// The number and the origin of the last epoch; `None`: the books were never opened to be written.
fn last(connection: &mut SqliteConnection) -> QueryResult<Option<(i64, String)>> {
    let last = epochs::table.order(epochs::number.desc());
    last.select((epochs::number, epochs::origin))
        .first(connection)
        .optional()
}

fn begin(connection: &mut SqliteConnection, origin: &str) -> QueryResult<()> {
    // By hand: functions that the builder does not have. The database's own clock tells two epochs apart that begin in
    // copies of one file, and nothing else depends on it.
    let now: i64 = statement::<BigInt>("SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)")
        .get_result(connection)?;
    let after = newest_event(connection)?;
    let number = match last(connection)? {
        None => {
            statement::<()>("UPDATE books SET id = lower(hex(randomblob(16)))").write(connection)?;
            1
        }
        Some((last, _)) => {
            let number = now.max(last.saturating_add(1));
            tracing::warn!(
                epoch = number,
                after,
                "the SQLite file is a copy, or lies elsewhere than before: an epoch of its own begins"
            );
            number
        }
    };
    let epoch = (
        epochs::number.eq(number),
        epochs::after_sequence.eq(after),
        epochs::origin.eq(origin),
        epochs::began_at.eq(now.saturating_mul(1_000)),
    );
    diesel::insert_into(epochs::table).values(epoch).execute(connection)?;
    Ok(())
}

/// Has a file say that it is a copy, or as good as one: whoever opens it to write begins an epoch.
pub(super) fn mark_as_copy(connection: &mut SqliteConnection) -> QueryResult<()> {
    let Some((number, _)) = last(connection)? else {
        return Ok(());
    };
    diesel::update(epochs::table.find(number))
        .set(epochs::origin.eq(COPY))
        .execute(connection)?;
    Ok(())
}

/// The books. Within a snapshot they have every epoch that an event in it is of.
pub(super) fn read_books(connection: &mut SqliteConnection) -> Result<Books, StoreError> {
    let ids: Vec<String> = books::table.select(books::id).load(connection).map_err(store_error)?;
    let epochs = epochs::table.order(epochs::number);
    let epochs: Vec<(i64, i64)> = epochs
        .select((epochs::number, epochs::after_sequence))
        .load(connection)
        .map_err(store_error)?;
    crate::sql::books::books(&ids, &epochs)
}
