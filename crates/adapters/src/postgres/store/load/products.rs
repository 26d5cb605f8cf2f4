//! Products, locked.

use diesel::sql_types::Text;
use earmark_application::StoreError;
use earmark_domain::{ProductRecord, Reference, Scope, Sku};

use super::orders::order_ids;
use crate::postgres::error::store_error;
use crate::postgres::rows::ProductRow;
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, statement};
use crate::sql::product_cache::BaseVersions;

/// Locks the products that the scope touches: those it names, those of its batches, and those of its orders' lines.
pub(super) async fn lock(conn: &Session, scope: &Scope) -> Result<(Vec<ProductRecord>, BaseVersions), StoreError> {
    // By hand: the list of keys is put together from an array and two sets of look-ups. Rows are sorted below the lock,
    // so they are locked in the order in which they are returned.
    const LOCK: &str = "SELECT {} FROM products WHERE sku = ANY (? \
         || ARRAY(SELECT batch.sku FROM unnest(?) AS named (one) \
         CROSS JOIN LATERAL (SELECT sku FROM batches WHERE reference = one LIMIT 1) AS batch) \
         || ARRAY(SELECT line.sku FROM unnest(?) AS named (one) \
         CROSS JOIN LATERAL (SELECT sku FROM lines WHERE order_id = one OFFSET 0) AS line)) \
         ORDER BY sku FOR NO KEY UPDATE";
    let rows: Vec<ProductRow> = statement::<TypesOf<ProductRow>>(LOCK)
        .columns::<ProductRow>()
        .array::<Text, _>(scope.skus.iter().map(Sku::as_str).collect())
        .array::<Text, _>(scope.batches.iter().map(Reference::as_str).collect())
        .array::<Text, _>(order_ids(scope))
        .rows(conn)
        .await
        .map_err(store_error)?;
    let (mut products, mut base_versions) = (Vec::with_capacity(rows.len()), BaseVersions::with_capacity(rows.len()));
    for row in rows {
        let base_version = row.base_version()?;
        let product = ProductRecord::try_from(row)?;
        base_versions.insert(product.sku.clone(), base_version);
        products.push(product);
    }
    Ok((products, base_versions))
}
