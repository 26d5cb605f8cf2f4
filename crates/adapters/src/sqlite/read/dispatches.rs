//! What has left of lines, as transactions and views read it.

use diesel::prelude::*;
use earmark_application::StoreError;
use earmark_domain::{DispatchRecord, LineKey};

use super::super::builder::pair_one_of;
use super::super::error::store_error;
use super::super::rows::{self, DispatchRow};
use super::super::schema::dispatches;

/// What lines have dispatched, in the order in which it left.
pub(in crate::sqlite) fn dispatches_of<'k>(
    connection: &mut SqliteConnection,
    lines: impl Iterator<Item = &'k LineKey>,
) -> Result<Vec<DispatchRecord>, StoreError> {
    let keys: Vec<_> = lines.map(|key| [key.order.as_str(), key.line.as_str()]).collect();
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let found = dispatches::table
        .filter(pair_one_of((dispatches::order_id, dispatches::line_id), keys))
        .order((
            dispatches::order_id,
            dispatches::line_id,
            dispatches::dispatched_version,
            dispatches::batch,
        ))
        .select(DispatchRow::as_select())
        .load(connection)
        .map_err(store_error)?;
    found.iter().map(rows::dispatch).collect()
}
