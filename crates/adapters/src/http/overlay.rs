//! A product as it would stand: what a preview of a change to it shows.

use earmark_application::{ProductRead, ProductSummary};
use earmark_domain::{BatchRecord, Count, Outcome, ProductName, Sku, Units};

/// What a command would make of a product.
#[derive(Debug, Clone, Copy)]
pub(super) struct Put<'a> {
    pub(super) sku: &'a Sku,
    name: Option<&'a ProductName>,
    safety_stock: Count,
    version: u64,
}

impl<'a> Put<'a> {
    /// What an outcome tells of a product, if it is about one.
    pub(super) const fn of(outcome: &'a Outcome) -> Option<Self> {
        match outcome {
            Outcome::ProductPut {
                sku,
                name,
                safety_stock,
                version,
                ..
            } => Some(Self {
                sku,
                name: name.as_ref(),
                safety_stock: *safety_stock,
                version: *version,
            }),
            _ => None,
        }
    }
}

/// The product that is stored, with what the command would make of it; an empty one, where there is none yet.
pub(super) fn as_it_would_stand(put: &Put<'_>, stored: Option<ProductRead>) -> ProductRead {
    let batches = stored.as_ref().map_or_else(Vec::new, |read| read.batches.clone());
    let there: Units = batches.iter().map(BatchRecord::available).sum();
    let sums = stored.map(|read| read.summary);
    let sum = |of: fn(&ProductSummary) -> Units| sums.as_ref().map_or(Units::ZERO, of);
    ProductRead {
        summary: ProductSummary {
            sku: put.sku.clone(),
            name: put.name.cloned(),
            version: put.version,
            on_hand: sum(|sums| sums.on_hand),
            inbound: sum(|sums| sums.inbound),
            allocated: sum(|sums| sums.allocated),
            dispatched: sum(|sums| sums.dispatched),
            safety_stock: put.safety_stock,
            available: there.saturating_sub(put.safety_stock.units()),
            backordered: sum(|sums| sums.backordered),
        },
        batches,
    }
}
