//! The rows of the table of batches.

use earmark_domain::{BatchRecord, BatchView};
use serde::{Serialize, Serializer};

use super::table::Exported;
use crate::wire::views::batches::BatchJson;

/// A batch, with the fields of the public view.
#[derive(Debug)]
pub struct BatchRow(BatchView);

impl BatchRow {
    /// The row of a batch.
    #[must_use]
    pub fn of(batch: &BatchRecord) -> Self {
        // The row does not show the version.
        Self(BatchView::of(batch.clone(), 0))
    }
}

impl Serialize for BatchRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        BatchJson::from(&self.0).serialize(serializer)
    }
}

impl Exported for BatchRow {
    const COLUMNS: &'static [&'static str] = &[
        "reference",
        "sku",
        "location",
        "quantity",
        "allocated",
        "dispatched",
        "available",
        "eta",
        "status",
    ];
}
