//! What is done about products whose last transaction has an outcome that is not known.

use earmark_domain::ChangeSet;

use super::PostgresStore;

/// Held while a change set is being stored. Unless the outcome becomes known, the product cache distrusts the products
/// of the change set when this is dropped: the transaction may have been given up in the middle of its commit.
pub(super) struct UnknownOutcome<'a> {
    store: &'a PostgresStore,
    changes: Option<&'a ChangeSet>,
}

impl<'a> UnknownOutcome<'a> {
    pub(super) const fn of(store: &'a PostgresStore, changes: &'a ChangeSet) -> Self {
        Self {
            store,
            changes: Some(changes),
        }
    }

    /// The outcome is known.
    pub(super) fn settle(mut self) {
        self.changes = None;
    }
}

impl Drop for UnknownOutcome<'_> {
    fn drop(&mut self) {
        if let Some(changes) = self.changes {
            let skus = changes.products.iter().map(|change| &change.record.sku);
            self.store.product_cache().distrust(skus);
        }
    }
}
