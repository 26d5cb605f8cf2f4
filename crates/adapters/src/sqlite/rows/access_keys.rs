//! Access keys.

use diesel::prelude::{Queryable, Selectable};
use diesel::sqlite::Sqlite;
use earmark_application::{AccessKey, StoreError};

use super::super::schema::access_keys;
use super::Times;
use crate::sql::access_keys::{StoredAccessKey, context};

/// A row of `access_keys`. It can't be printed: it has the hash.
#[derive(Queryable, Selectable)]
#[diesel(table_name = access_keys, check_for_backend(Sqlite))]
pub(in crate::sqlite) struct AccessKeyRow {
    name: String,
    hash: Vec<u8>,
    roles: String,
    orders_with_prefix: String,
    skus_with_prefix: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    last_used_at: Option<i64>,
}

/// An access key.
pub(in crate::sqlite) fn access_key(row: AccessKeyRow) -> Result<AccessKey, StoreError> {
    let at = context(&row.name);
    let instant_if_any = |column, instant: Option<i64>| instant.map(|instant| at.instant(column, instant)).transpose();
    let created_at = at.instant("created_at", row.created_at)?;
    let expires_at = instant_if_any("expires_at", row.expires_at)?;
    let revoked_at = instant_if_any("revoked_at", row.revoked_at)?;
    let last_used_at = instant_if_any("last_used_at", row.last_used_at)?;
    StoredAccessKey {
        created_at,
        expires_at,
        revoked_at,
        last_used_at,
        name: row.name,
        hash: row.hash,
        roles: row.roles,
        orders_with_prefix: row.orders_with_prefix,
        skus_with_prefix: row.skus_with_prefix,
    }
    .try_into()
}
