//! Batches by reference, each with its product.

use diesel::sql_types::Text;
use earmark_application::StoreError;
use earmark_domain::{BatchRecord, ProductRecord};

use super::lookup::Lookup;
use crate::postgres::error::StatementResult;
use crate::postgres::rows::{BatchRow, ProductRow};
use crate::postgres::session::Session;
use crate::postgres::statement::{TypesOf, statement};

/// Batches by reference, each with its product.
pub(in crate::postgres) enum BatchByReference {}

impl Lookup for BatchByReference {
    type Row = (BatchRow, ProductRow);
    type Value = (BatchRecord, ProductRecord);

    async fn rows(keys: Vec<&str>, conn: &Session) -> StatementResult<Vec<Self::Row>> {
        // By hand: each batch is looked up in a LATERAL, and then its product.
        const BATCHES: &str = "SELECT batch.*, product.* FROM unnest(?) AS asked (one) \
             CROSS JOIN LATERAL (SELECT {} FROM batches WHERE reference = one LIMIT 1) AS batch \
             CROSS JOIN LATERAL (SELECT {} FROM products WHERE products.sku = batch.sku LIMIT 1) AS product";
        statement::<(TypesOf<BatchRow>, TypesOf<ProductRow>)>(BATCHES)
            .array::<Text, _>(keys)
            .columns::<BatchRow>()
            .columns::<ProductRow>()
            .rows(conn)
            .await
    }

    fn key((batch, _): &Self::Row) -> &str {
        &batch.reference
    }

    fn value(rows: Vec<Self::Row>) -> Result<Self::Value, StoreError> {
        let (batch, product) = rows.into_iter().next().expect("there is a row");
        Ok((batch.try_into()?, product.try_into()?))
    }
}
