//! Order headers.

use diesel::data_types::{PgDate, PgTimestamp};
use diesel::{Queryable, Selectable};
use earmark_application::StoreError;
use earmark_domain::{OrderId, OrderRecord, Precedence, Priority};

use super::values::Times;
use crate::postgres::schema::orders;
use crate::sql::decode::RowContext;

/// A row of `orders`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = orders, check_for_backend(diesel::pg::Pg))]
pub(in crate::postgres) struct OrderRow {
    order_id: String,
    placed_at: PgTimestamp,
    priority: i32,
    required_by: Option<PgDate>,
    hold_until: Option<PgTimestamp>,
    asked: Option<String>,
    expired_from: Option<i64>,
    expired_to: Option<i64>,
}

impl TryFrom<OrderRow> for OrderRecord {
    type Error = StoreError;

    fn try_from(row: OrderRow) -> Result<Self, StoreError> {
        let at = RowContext {
            table: "orders",
            key: &row.order_id,
        };
        let asked = row.asked.as_ref().map(|asked| at.read("asked", asked.parse()));
        let priority = at.read("priority", Priority::new(row.priority))?;
        Ok(Self {
            id: at.read("order_id", OrderId::new(&row.order_id))?,
            placed_at: at.instant("placed_at", row.placed_at)?,
            precedence: Precedence::of(priority, at.date_if_any("required_by", row.required_by)?),
            asked: asked.transpose()?,
            expiry_step: at.expiry_step(row.expired_from, row.expired_to)?,
            hold_until: at.instant_if_any("hold_until", row.hold_until)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_that_is_none_is_reported_with_table_and_key() {
        let row = OrderRow {
            order_id: "O1".to_owned(),
            placed_at: PgTimestamp(i64::MAX),
            priority: 0,
            required_by: None,
            hold_until: None,
            asked: None,
            expired_from: None,
            expired_to: None,
        };
        let error = OrderRecord::try_from(row).expect_err("infinity is no instant");
        assert!(
            matches!(&error, StoreError::Corrupt(why) if why == "orders \"O1\": placed_at is out of range"),
            "{error}"
        );
    }
}
