//! A product as it would stand: what a preview of a change to it shows.

use earmark_application::{ProductRead, ProductSummary};
use earmark_domain::{BatchRecord, Count, Effects, Outcome, ProductName, ProductRecord, Sku, Units};

/// What a command would make of a product.
#[derive(Debug, Clone, Copy)]
pub(super) struct Put<'a> {
    pub(super) sku: &'a Sku,
    name: Option<&'a ProductName>,
    safety_stock: Count,
    version: u64,
    batches: &'a [BatchRecord],
    effects: &'a Effects,
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

/// The product that is stored, with what the command would make of it; an empty one, where there is none yet.
pub(super) fn as_it_would_stand(put: &Put<'_>, stored: Option<ProductRead>) -> ProductRead {
    let (waited, mut batches) = stored.map_or((Units::ZERO, Vec::new()), |read| {
        (read.summary.backordered, read.batches)
    });
    for batch in &mut batches {
        if let Some(changed) = put.batches.iter().find(|changed| changed.reference == batch.reference) {
            batch.clone_from(changed);
        }
    }
    let served: Units = put.effects.allocated.iter().map(|line| line.quantity.units()).sum();
    let record = ProductRecord {
        sku: put.sku.clone(),
        name: put.name.cloned(),
        version: put.version,
        safety_stock: put.safety_stock,
        // Nothing of these is shown.
        batches_created: 0,
        resume_after: None,
        depleted: false,
        next_expiry: None,
    };
    ProductRead {
        summary: ProductSummary::of(record, batches.iter(), waited.saturating_sub(served)),
        batches,
    }
}
