//! Products.

use diesel::data_types::PgTimestamp;
use diesel::{Queryable, Selectable};
use earmark_application::StoreError;
use earmark_domain::{Count, ProductName, ProductRecord, Sku};

use super::values::Times;
use crate::postgres::schema::products;
use crate::sql::decode::RowContext;
use crate::sql::pending;

/// A row of `products`.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = products, check_for_backend(diesel::pg::Pg))]
pub(in crate::postgres) struct ProductRow {
    pub(in crate::postgres) sku: String,
    name: Option<String>,
    version: i64,
    batches_created: i32,
    safety_stock: i32,
    depleted: bool,
    next_expiry: Option<PgTimestamp>,
    at_risk: bool,
    pending: Option<String>,
    expired_from: Option<i64>,
    expired_to: Option<i64>,
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
        let sku = at.read("sku", Sku::new(&row.sku))?;
        let pending = row.pending.as_deref().map(|json| pending::from_json(&sku, json));
        Ok(Self {
            pending: pending.transpose()?,
            sku,
            version: at.read("version", u64::try_from(row.version))?,
            batches_created: at.read("batches_created", u32::try_from(row.batches_created))?,
            safety_stock: at.read("safety_stock", Count::new(row.safety_stock))?,
            depleted: row.depleted,
            at_risk: row.at_risk,
            expiry_step: at.expiry_step(row.expired_from, row.expired_to)?,
            next_expiry: at.instant_if_any("next_expiry", row.next_expiry)?,
            name: at.read("name", row.name.as_deref().map(ProductName::new).transpose())?,
        })
    }
}
