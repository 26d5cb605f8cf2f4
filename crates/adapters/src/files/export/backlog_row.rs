//! The rows of the table of the backlog.

use earmark_application::LineRead;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Serialize;

use super::table::Exported;
use crate::wire::Text;

/// A line in the backlog.
#[derive(Debug, Serialize)]
pub struct BacklogRow<'a> {
    sku: &'a str,
    order_id: &'a str,
    line_id: &'a str,
    quantity: u32,
    split: bool,
    placed_at: Text<Timestamp>,
    priority: i32,
    required_by: Option<Text<Date>>,
}

impl Exported for BacklogRow<'_> {
    const COLUMNS: &'static [&'static str] = &[
        "sku",
        "order_id",
        "line_id",
        "quantity",
        "split",
        "placed_at",
        "priority",
        "required_by",
    ];
}

impl<'a> From<&'a LineRead> for BacklogRow<'a> {
    fn from(line: &'a LineRead) -> Self {
        Self {
            sku: line.record.sku.as_str(),
            order_id: line.record.terms.key.order.as_str(),
            line_id: line.record.terms.key.line.as_str(),
            quantity: line.record.terms.quantity.get(),
            split: line.record.terms.split,
            placed_at: Text(line.record.terms.placed_at),
            priority: line.record.terms.precedence.priority().get(),
            required_by: line.record.terms.precedence.required_by().map(Text),
        }
    }
}
