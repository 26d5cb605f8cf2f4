//! Products.

use diesel::data_types::PgTimestamp;
use diesel::{Queryable, Selectable};
use earmark_application::StoreError;
use earmark_domain::{Count, ProductName, ProductRecord, ServicePosition, Sku};

use super::values::Times;
use crate::postgres::schema::products;
use crate::sql::decode::RowContext;
use crate::sql::pending_change;

/// A row of `products`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = products, check_for_backend(diesel::pg::Pg))]
pub(in crate::postgres) struct ProductRow {
    pub(in crate::postgres) sku: String,
    name: Option<String>,
    version: i64,
    batches_created: i32,
    resume_placed_version: Option<i64>,
    resume_order_id: Option<String>,
    resume_line_id: Option<String>,
    resume_rank: Option<i64>,
    safety_stock: i32,
    depleted: bool,
    next_expiry: Option<PgTimestamp>,
    pending_change: Option<String>,
    escrow_commits: i64,
}

impl ProductRow {
    fn context(&self) -> RowContext<'_> {
        RowContext {
            table: "products",
            key: &self.sku,
        }
    }

    /// The version minus the commits under escrow: it stands as long as other transactions only place lines.
    pub(in crate::postgres) fn base_version(&self) -> Result<u64, StoreError> {
        let base_version = self.version.saturating_sub(self.escrow_commits);
        self.context().read("escrow_commits", u64::try_from(base_version))
    }
}

impl TryFrom<ProductRow> for ProductRecord {
    type Error = StoreError;

    fn try_from(row: ProductRow) -> Result<Self, StoreError> {
        let at = row.context();
        let position = (
            row.resume_rank,
            row.resume_placed_version,
            &row.resume_order_id,
            &row.resume_line_id,
        );
        let resume_after = match position {
            (None, None, None, None) => None,
            (Some(rank), Some(placed_version), Some(order), Some(line)) => Some(ServicePosition {
                precedence: at.precedence("resume_rank", rank)?,
                placed_version: at.read("resume_placed_version", u64::try_from(placed_version))?,
                key: at.line_key(order, line)?,
            }),
            _ => return Err(at.corrupt("the position at which to resume the backlog is not whole")),
        };
        let sku = at.read("sku", Sku::new(&row.sku))?;
        let pending_change = row.pending_change.as_deref();
        let pending_change = pending_change.map(|json| pending_change::from_json(&sku, json));
        Ok(Self {
            pending_change: pending_change.transpose()?,
            sku,
            version: at.read("version", u64::try_from(row.version))?,
            batches_created: at.read("batches_created", u32::try_from(row.batches_created))?,
            resume_after,
            safety_stock: at.read("safety_stock", Count::new(row.safety_stock))?,
            depleted: row.depleted,
            next_expiry: at.instant_if_any("next_expiry", row.next_expiry)?,
            name: at.read("name", row.name.as_deref().map(ProductName::new).transpose())?,
        })
    }
}
