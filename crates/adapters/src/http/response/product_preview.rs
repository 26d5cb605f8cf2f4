//! The preview of a change to a product: the product as the command would leave it.

use earmark_application::{ProductRead, ProductSummary};
use earmark_domain::{BatchRecord, Count, Effects, Outcome, ProductName, ProductRecord, Sku, Units};

/// What a command would change of a product.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ProductChange<'a> {
    pub(crate) sku: &'a Sku,
    name: Option<&'a ProductName>,
    safety_stock: Count,
    version: u64,
    batches: &'a [BatchRecord],
    effects: &'a Effects,
}

impl<'a> ProductChange<'a> {
    /// The change in an outcome, if it is one of a product.
    pub(crate) const fn of(outcome: &'a Outcome) -> Option<Self> {
        match outcome {
            Outcome::ProductPut {
                sku,
                name,
                safety_stock,
                version,
                batches,
                effects,
                ..
            } => Some(Self {
                sku,
                name: name.as_ref(),
                safety_stock: *safety_stock,
                version: *version,
                batches: batches.as_slice(),
                effects,
            }),
            _ => None,
        }
    }
}

/// The stored product with the change applied; an empty product with the change where none is stored.
pub(crate) fn previewed(change: &ProductChange<'_>, stored: Option<ProductRead>) -> ProductRead {
    let (backordered, mut batches) = stored.map_or((Units::ZERO, Vec::new()), |read| {
        (read.summary.backordered, read.batches)
    });
    for batch in &mut batches {
        if let Some(changed) = change
            .batches
            .iter()
            .find(|changed| changed.reference == batch.reference)
        {
            batch.clone_from(changed);
        }
    }
    let served: Units = change.effects.allocated.iter().map(|line| line.quantity.units()).sum();
    let record = ProductRecord {
        expiry_step: None,
        sku: change.sku.clone(),
        name: change.name.cloned(),
        version: change.version,
        safety_stock: change.safety_stock,
        // These are not shown.
        batches_created: 0,
        depleted: false,
        next_expiry: None,
        at_risk: false,
        pending: None,
    };
    ProductRead {
        summary: ProductSummary::of(record, batches.iter(), backordered.saturating_sub(served)),
        batches,
    }
}
