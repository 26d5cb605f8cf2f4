//! A product as stored.

use jiff::Timestamp;

use crate::language::name::{ProductName, Sku};
use crate::language::quantity::Count;
use crate::records::expiry_step::ExpiryStep;
use crate::records::pending::Pending;

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
    /// Units kept back from new promises.
    pub safety_stock: Count,
    /// Whether the last crossing event of the product was `StockDepleted`.
    pub depleted: bool,
    /// No hold on its stock ends before this instant; `None`: there is no hold. The hold that was to end then may be
    /// gone.
    pub next_expiry: Option<Timestamp>,
    /// The last holds that ended on its stock, as versions: conditions on those before are met as long as nothing else
    /// has happened to it.
    pub expiry_step: Option<ExpiryStep>,
    /// Whether one of its lines may be at risk; `false`: none is that better stock could help.
    pub at_risk: bool,
    /// What is left to do of earlier commands. Nothing else is decided on the product until it is done.
    pub pending: Option<Pending>,
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
            safety_stock: Count::ZERO,
            depleted: false,
            next_expiry: None,
            expiry_step: None,
            at_risk: false,
            pending: None,
        }
    }
}
