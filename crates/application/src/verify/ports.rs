//! The ports that verify reads through.

use crate::ports::{Audit, EventFeed, Views};

/// How many rows of a kind are asked for at once.
pub(super) const PAGE: usize = 1_000;

/// The ports that verify reads through.
#[derive(Clone, Copy)]
pub struct VerifyPorts<'a> {
    /// The list of products.
    pub views: &'a dyn Views,
    /// The events of each product.
    pub events: &'a dyn EventFeed,
    /// Products with their batches, orders with their lines.
    pub audit: &'a dyn Audit,
}
