//! Access keys: made, rotated and revoked by the connection that writes, each call in a transaction of its own.

use diesel::dsl::{count_star, exists, select};
use diesel::prelude::*;
use diesel::result::QueryResult;
use earmark_application::{AccessEntry, AccessKey, KeyHash, KeyName, MAX_KEYS};
use jiff::Timestamp;

use super::super::builder::update;
use super::super::schema::access_keys;
use super::access_log;
use crate::sql::access_keys::{stored_prefixes, stored_roles};

/// By what the connection knows the UPDATE that runs while a key is used.
struct NoteUsed;

/// Adds a key, if there is room and its name is free; answers whether it was.
pub(in crate::sqlite) fn add(
    connection: &mut SqliteConnection,
    key: &AccessKey,
    log: &AccessEntry,
) -> QueryResult<bool> {
    let made: i64 = access_keys::table.select(count_star()).get_result(connection)?;
    if made.unsigned_abs() >= MAX_KEYS as u64 || is_known(connection, &key.name)? {
        return Ok(false);
    }
    diesel::insert_into(access_keys::table)
        .values((
            access_keys::name.eq(&**key.name.as_str()),
            access_keys::hash.eq(key.hash.0.as_slice()),
            access_keys::roles.eq(stored_roles(key.roles)),
            access_keys::orders_with_prefix.eq(stored_prefixes(&key.bounds.orders)),
            access_keys::skus_with_prefix.eq(stored_prefixes(&key.bounds.skus)),
            access_keys::created_at.eq(key.created_at.as_microsecond()),
            access_keys::expires_at.eq(key.expires_at.map(Timestamp::as_microsecond)),
            access_keys::revoked_at.eq(key.revoked_at.map(Timestamp::as_microsecond)),
            access_keys::last_used_at.eq(key.last_used_at.map(Timestamp::as_microsecond)),
        ))
        .execute(connection)?;
    access_log::write(connection, log)?;
    Ok(true)
}

fn is_known(connection: &mut SqliteConnection, name: &KeyName) -> QueryResult<bool> {
    let named = access_keys::table.filter(access_keys::name.eq(&**name.as_str()));
    select(exists(named)).get_result(connection)
}

/// Gives a key that is not revoked another secret and another end; answers whether there is such a key.
pub(in crate::sqlite) fn rotate(
    connection: &mut SqliteConnection,
    name: &KeyName,
    hash: KeyHash,
    expires_at: Option<Timestamp>,
    log: &AccessEntry,
) -> QueryResult<bool> {
    let rotated = diesel::update(access_keys::table)
        .filter(access_keys::name.eq(&**name.as_str()))
        .filter(access_keys::revoked_at.is_null())
        .set((
            access_keys::hash.eq(hash.0.as_slice()),
            access_keys::expires_at.eq(expires_at.map(Timestamp::as_microsecond)),
        ))
        .execute(connection)?;
    if rotated > 0 {
        access_log::write(connection, log)?;
    }
    Ok(rotated > 0)
}

/// Revokes a key, unless it is revoked; answers whether there is one of this name.
pub(in crate::sqlite) fn revoke(
    connection: &mut SqliteConnection,
    name: &KeyName,
    now: Timestamp,
    log: &AccessEntry,
) -> QueryResult<bool> {
    let revoked = diesel::update(access_keys::table)
        .filter(access_keys::name.eq(&**name.as_str()))
        .filter(access_keys::revoked_at.is_null())
        .set(access_keys::revoked_at.eq(now.as_microsecond()))
        .execute(connection)?;
    if revoked > 0 {
        access_log::write(connection, log)?;
        return Ok(true);
    }
    is_known(connection, name)
}

/// Notes that a key was used, unless a later use is known.
pub(in crate::sqlite) fn note_used(
    connection: &mut SqliteConnection,
    hash: KeyHash,
    now: Timestamp,
) -> QueryResult<()> {
    let now = now.as_microsecond();
    let earlier = access_keys::last_used_at
        .is_null()
        .or(access_keys::last_used_at.lt(now));
    let of_secret = access_keys::hash.eq(hash.0.as_slice()).and(earlier);
    let used = (access_keys::last_used_at.eq(now),);
    update::<NoteUsed, _, _, _>(&access_keys::table, of_secret, used)
        .execute(connection)
        .map(drop)
}
