//! Sessions: begun and ended by the connection that writes, each call in a transaction of its own.

use diesel::prelude::*;
use diesel::result::QueryResult;
use earmark_application::{AccessEntry, MAX_SESSIONS_OF_A_KEY, Session, SessionHash};

use super::super::schema::sessions;
use super::access_log;

/// Begins a session; those that are over go, and the oldest of its key that are too many.
pub(in crate::sqlite) fn begin(
    connection: &mut SqliteConnection,
    session: &Session,
    log: &AccessEntry,
) -> QueryResult<()> {
    let began = session.began_at.as_microsecond();
    diesel::delete(sessions::table.filter(sessions::ends_at.le(began))).execute(connection)?;
    let name = &**session.key_name.as_str();
    let of_key: Vec<Vec<u8>> = sessions::table
        .filter(sessions::key_name.eq(name))
        .order((sessions::began_at.desc(), sessions::hash.desc()))
        .select(sessions::hash)
        .load(connection)?;
    for hash in of_key.iter().skip(MAX_SESSIONS_OF_A_KEY - 1) {
        delete(connection, hash)?;
    }
    diesel::insert_into(sessions::table)
        .values((
            sessions::hash.eq(session.hash.0.as_slice()),
            sessions::key_hash.eq(session.key.0.as_slice()),
            sessions::key_name.eq(name),
            sessions::began_at.eq(began),
            sessions::ends_at.eq(session.ends_at.as_microsecond()),
        ))
        .execute(connection)?;
    access_log::write(connection, log)
}

/// Ends a session; answers whether there was one.
pub(in crate::sqlite) fn end(
    connection: &mut SqliteConnection,
    hash: SessionHash,
    log: &AccessEntry,
) -> QueryResult<bool> {
    let ended = delete(connection, &hash.0)? > 0;
    if ended {
        access_log::write(connection, log)?;
    }
    Ok(ended)
}

fn delete(connection: &mut SqliteConnection, hash: &[u8]) -> QueryResult<usize> {
    diesel::delete(sessions::table.filter(sessions::hash.eq(hash))).execute(connection)
}
