//! A product as stored.

use jiff::Timestamp;

use crate::language::name::{ProductName, Sku};
use crate::language::precedence::ServicePosition;
use crate::language::quantity::Count;
use crate::records::pending_change::PendingChange;

/// A product as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRecord {
    /// Which product.
    pub sku: Sku,
    /// Its name for people, if it has one.
    pub name: Option<ProductName>,
    /// Rises by one with each event of the product; 0 before the first.
    pub version: u64,
    /// How many batches were ever created for it: the next batch's ordinal is one more.
    pub batches_created: u32,
    /// Where a bounded transaction stopped serving the backlog: no line after this position has been tried since the
    /// last gain of stock. `None`: the backlog has been served.
    pub resume_after: Option<ServicePosition>,
    /// Units kept back from new promises.
    pub safety_stock: Count,
    /// Whether the last crossing event of the product was `StockDepleted`.
    pub depleted: bool,
    /// No hold on its stock ends before this instant; `None`: there is no hold. The hold that was to end then may be
    /// gone.
    pub next_expiry: Option<Timestamp>,
    /// A change of one of its batches that is not carried out for all lines. Nothing else is decided on the product
    /// until it is.
    pub pending_change: Option<PendingChange>,
}

impl ProductRecord {
    /// A product of which only the SKU is known.
    #[must_use]
    pub const fn new(sku: Sku) -> Self {
        Self {
            sku,
            name: None,
            version: 0,
            batches_created: 0,
            resume_after: None,
            safety_stock: Count::ZERO,
            depleted: false,
            next_expiry: None,
            pending_change: None,
        }
    }
}
