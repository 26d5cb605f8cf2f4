//! A bounded map of products: the least recently used go first, roughly.
//!
//! There are two generations. A product that is used moves to the younger one. When that is full, the older one is
//! dropped, and the younger takes its place.

use std::collections::HashMap;

use earmark_domain::Sku;

use super::product::CachedProduct;

/// How many products and batches one generation holds, counted together. About 10 MiB when full.
pub(super) const MAX_ROWS: usize = 32_768;

/// The products by SKU.
#[derive(Debug, Default)]
pub(super) struct Generations {
    young: HashMap<Sku, CachedProduct>,
    young_rows: usize,
    old: HashMap<Sku, CachedProduct>,
}

impl Generations {
    /// A product, which is used by this.
    pub(super) fn get(&mut self, sku: &Sku) -> Option<&mut CachedProduct> {
        if let Some(product) = self.old.remove(sku) {
            self.insert(product);
        }
        self.young.get_mut(sku)
    }

    pub(super) fn insert(&mut self, product: CachedProduct) {
        self.remove(&product.product.sku);
        if self.young_rows + product.rows() > MAX_ROWS {
            self.old = std::mem::take(&mut self.young);
            self.young_rows = 0;
        }
        self.young_rows += product.rows();
        self.young.insert(product.product.sku.clone(), product);
    }

    pub(super) fn remove(&mut self, sku: &Sku) {
        if let Some(product) = self.young.remove(sku) {
            self.young_rows -= product.rows().min(self.young_rows);
        }
        self.old.remove(sku);
    }

    /// How many products there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}
