//! Sessions: begun and ended by the connection that writes, each call in a transaction of its own.

use diesel::prelude::*;
use diesel::result::QueryResult;
use earmark_application::{AccessEntry, MAX_SESSIONS_OF_A_HOLDER, Session, SessionHash};

use super::super::schema::sessions;
use super::access_log;
use crate::sql::sessions::stored_holder;

/// Begins a session; those that are over go, and the oldest of its holder that are too many.
pub(in crate::sqlite) fn begin(
    connection: &mut SqliteConnection,
    session: &Session,
    log: &AccessEntry,
) -> QueryResult<()> {
    let began = session.began_at.as_microsecond();
    diesel::delete(sessions::table.filter(sessions::ends_at.le(began))).execute(connection)?;
    let name = &**session.holder.name();
    let (key_hash, roles) = stored_holder(&session.holder);
    let of_holder: Vec<Vec<u8>> = sessions::table
        .filter(sessions::holder.eq(name))
        .order((sessions::began_at.desc(), sessions::hash.desc()))
        .select(sessions::hash)
        .load(connection)?;
    for hash in of_holder.iter().skip(MAX_SESSIONS_OF_A_HOLDER - 1) {
        delete(connection, hash)?;
    }
    diesel::insert_into(sessions::table)
        .values((
            sessions::hash.eq(session.hash.0.as_slice()),
            sessions::key_hash.eq(key_hash),
            sessions::holder.eq(name),
            sessions::roles.eq(roles),
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
