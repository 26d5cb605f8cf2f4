//! The rows of the table of allocations.

use earmark_domain::LineView;
use jiff::civil::Date;
use serde::Serialize;

use super::table::Exported;
use crate::wire::Text;

/// Units of a line in one batch; no batch for a line without allocations.
#[derive(Debug, Serialize)]
pub struct AllocationRow<'a> {
    order_id: &'a str,
    line_id: &'a str,
    sku: &'a str,
    quantity: u32,
    status: &'static str,
    batch: Option<&'a str>,
    allocated: Option<u32>,
    promised_on: Option<Text<Date>>,
}

impl Exported for AllocationRow<'_> {
    const COLUMNS: &'static [&'static str] = &[
        "order_id",
        "line_id",
        "sku",
        "quantity",
        "status",
        "batch",
        "allocated",
        "promised_on",
    ];
}

impl<'a> AllocationRow<'a> {
    /// The rows of a line: one for each batch it has units in, or one without a batch.
    pub fn of(line: &'a LineView) -> impl Iterator<Item = Self> {
        let parts = line.allocations.iter().map(Some);
        let none = line.allocations.is_empty().then_some(None);
        parts.chain(none).map(move |part| Self {
            order_id: line.key.order.as_str(),
            line_id: line.key.line.as_str(),
            sku: line.sku.as_str(),
            quantity: line.quantity.get(),
            status: line.state.as_str(),
            batch: part.map(|part| part.batch.as_str()),
            allocated: part.map(|part| part.quantity.get()),
            promised_on: line.promise.on.map(Text),
        })
    }
}
