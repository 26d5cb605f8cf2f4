//! The product cache of one epoch.
//!
//! What was remembered of products in another history than the database tells now is void: a product may have the version
//! that was remembered, and other batches. So a decision that was taken on the cache is stored only on a session with books
//! of the epoch that the cache is of.

use std::ops::{Deref, DerefMut};

use crate::sql::product_cache::ProductCache;

/// Products as they were last read or stored in one epoch.
#[derive(Debug, Default)]
pub(super) struct Products {
    epoch: u64,
    cache: ProductCache,
}

impl Products {
    /// The epoch.
    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Forgets everything if the epoch is another.
    pub(super) fn turn_to(&mut self, epoch: u64) {
        if self.epoch != epoch {
            *self = Self {
                epoch,
                cache: ProductCache::default(),
            };
        }
    }
}

impl Deref for Products {
    type Target = ProductCache;

    fn deref(&self) -> &ProductCache {
        &self.cache
    }
}

impl DerefMut for Products {
    fn deref_mut(&mut self) -> &mut ProductCache {
        &mut self.cache
    }
}
