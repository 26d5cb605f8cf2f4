//! A product in time: what can be promised by each day, what its batches are made of, and what is missing.

use earmark_domain::{
    Availability, BatchRecord, BatchView, Composition, Promising, Sku, Units, availability, compositions,
};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::ports::{Outlook, Views};
use crate::read_models::{ProductRead, ProductView};
use crate::store_error::StoreError;

/// A batch, with what its units are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchInTime {
    /// The batch.
    pub batch: BatchView,
    /// What its units are.
    pub composition: Composition,
}

/// A product in time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductInTime {
    /// Its sums.
    pub product: ProductView,
    /// What can be promised by each day.
    pub availability: Availability,
    /// Its batches, in preference order: those that are closed or used up are left out.
    pub batches: Vec<BatchInTime>,
    /// The units that are missing: those that lines wait for.
    pub missing: Units,
}

/// A product as it stands at an instant of a day; `None`: there is no such product.
///
/// # Errors
/// When the store does not answer.
pub async fn product_in_time(
    (views, outlook): (&dyn Views, &dyn Outlook),
    promising: Promising,
    sku: &Sku,
    (now, today): (Timestamp, Date),
) -> Result<Option<ProductInTime>, StoreError> {
    let Some(ProductRead { summary, mut batches }) = views.product(sku, now).await? else {
        return Ok(None);
    };
    let held = outlook.held_units(sku, now).await?;
    batches.retain(|batch| !batch.closed && !is_used_up(batch));
    let (safety_stock, owed) = (summary.safety_stock, summary.owed());
    let compositions = compositions(&batches, &held, safety_stock, promising, today);
    let availability = availability(&batches, safety_stock, None, owed, promising, today);
    let version = summary.version;
    let in_time = batches
        .into_iter()
        .zip(compositions)
        .map(|(record, composition)| BatchInTime {
            batch: BatchView::of(record, version),
            composition,
        });
    Ok(Some(ProductInTime {
        availability,
        batches: in_time.collect(),
        missing: summary.backordered,
        product: summary.view(promising, today),
    }))
}

/// Whether all units of a batch have left the building.
fn is_used_up(batch: &BatchRecord) -> bool {
    batch.dispatched >= batch.quantity.units()
}
