//! Access keys.

use diesel::data_types::PgTimestamp;
use diesel::{Queryable, Selectable};
use earmark_application::{AccessKey, StoreError};

use super::values::Times;
use crate::postgres::schema::access_keys;
use crate::sql::access_keys::{StoredAccessKey, context};

/// A row of `access_keys`. It can't be printed: it has the hash.
#[derive(Queryable, Selectable)]
#[diesel(table_name = access_keys, check_for_backend(diesel::pg::Pg))]
pub(in crate::postgres) struct AccessKeyRow {
    name: String,
    hash: Vec<u8>,
    roles: String,
    orders_with_prefix: String,
    skus_with_prefix: String,
    created_at: PgTimestamp,
    expires_at: Option<PgTimestamp>,
    revoked_at: Option<PgTimestamp>,
    last_used_at: Option<PgTimestamp>,
}

impl TryFrom<AccessKeyRow> for AccessKey {
    type Error = StoreError;

    fn try_from(row: AccessKeyRow) -> Result<Self, StoreError> {
        let at = context(&row.name);
        let created_at = at.instant("created_at", row.created_at)?;
        let expires_at = at.instant_if_any("expires_at", row.expires_at)?;
        let revoked_at = at.instant_if_any("revoked_at", row.revoked_at)?;
        let last_used_at = at.instant_if_any("last_used_at", row.last_used_at)?;
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
}
