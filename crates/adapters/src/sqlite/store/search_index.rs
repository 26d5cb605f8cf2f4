//! The index of products by the pieces of their SKUs and names: a search reads what it may find, not every product.
//!
//! It is written when a product is created or gets another name, and never when lines are placed.

use diesel::prelude::*;
use earmark_application::StoreError;
use earmark_domain::{ChangeSet, Fact, ProductChange, ProductName};

use super::super::error::{expect_rows, store_error};
use super::super::ngrams;
use super::super::schema::searchable_products;
use super::super::statement::statement;

/// Writes the entries of the products that are new or have another name.
pub(super) fn write_search_index(connection: &mut SqliteConnection, changes: &ChangeSet) -> Result<(), StoreError> {
    for change in changes.products.iter().filter(|change| is_renamed(change, changes)) {
        write(connection, change).map_err(store_error)??;
    }
    Ok(())
}

fn is_renamed(change: &ProductChange, changes: &ChangeSet) -> bool {
    let named = |event: &earmark_domain::Event| {
        matches!(event.fact, Fact::ProductNamed { .. })
            && event.product().is_some_and(|(sku, _)| *sku == change.record.sku)
    };
    change.read_version.is_none() || changes.events.iter().any(named)
}

fn write(connection: &mut SqliteConnection, change: &ProductChange) -> QueryResult<Result<(), StoreError>> {
    // By hand: the builder knows no virtual table. The row takes the place of the one before.
    const ENTRY: &str = "INSERT OR REPLACE INTO product_ngrams (rowid, ngrams) VALUES (?, ?)";
    let sku = change.record.sku.as_str();
    diesel::insert_into(searchable_products::table)
        .values(searchable_products::sku.eq(sku))
        .on_conflict_do_nothing()
        .execute(connection)?;
    let id: i64 = searchable_products::table
        .filter(searchable_products::sku.eq(sku))
        .select(searchable_products::id)
        .get_result(connection)?;
    let texts = [Some(sku), change.record.name.as_ref().map(ProductName::as_str)];
    let written = statement::<()>(ENTRY)
        .integer(id)
        .owned_text(ngrams::document(texts.into_iter().flatten()))
        .write(connection)?;
    Ok(expect_rows(1, written))
}
