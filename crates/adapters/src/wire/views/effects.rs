//! What a change did to order lines.

use earmark_domain::{Effects, LineView, Moved, Part, PromiseMoved};
use jiff::civil::Date;
use serde::Serialize;

use super::batches::BatchJson;
use super::list::Each;
use super::orders::{AllocationJson, LineJson, OrderJson};
use crate::wire::text::Text;

/// A line that moved to other batches.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Reallocation))]
pub struct MovedJson<'a> {
    /// The order of the line.
    #[cfg_attr(feature = "schema", schema(example = "order-7"))]
    order_id: &'a str,
    /// The line.
    #[cfg_attr(feature = "schema", schema(example = "1"))]
    line_id: &'a str,
    /// Where its units were.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<AllocationJson<'static>>))]
    from: Each<'a, Part, AllocationJson<'a>>,
    /// Where they are now.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<AllocationJson<'static>>))]
    to: Each<'a, Part, AllocationJson<'a>>,
    /// The date it was promised for before.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date, example = "2036-03-01"))]
    promised_from: Text<Date>,
    /// The date it is promised for now.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date, example = "2036-03-31"))]
    promised_to: Text<Date>,
}

impl<'a> From<&'a Moved> for MovedJson<'a> {
    fn from(moved: &'a Moved) -> Self {
        Self {
            order_id: moved.key.order.as_str(),
            line_id: moved.key.line.as_str(),
            from: Each::of(&moved.from),
            to: Each::of(&moved.to),
            promised_from: Text(moved.promised_from),
            promised_to: Text(moved.promised_to),
        }
    }
}

/// A line that keeps its batches and is promised for another date.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = PromiseChange))]
pub struct PromiseMovedJson<'a> {
    /// The order of the line.
    #[cfg_attr(feature = "schema", schema(example = "order-7"))]
    order_id: &'a str,
    /// The line.
    #[cfg_attr(feature = "schema", schema(example = "1"))]
    line_id: &'a str,
    /// The date it was promised for before.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date, example = "2036-03-01"))]
    from: Text<Date>,
    /// The date it is promised for now.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date, example = "2036-03-31"))]
    to: Text<Date>,
}

impl<'a> From<&'a PromiseMoved> for PromiseMovedJson<'a> {
    fn from(moved: &'a PromiseMoved) -> Self {
        Self {
            order_id: moved.key.order.as_str(),
            line_id: moved.key.line.as_str(),
            from: Text(moved.from),
            to: Text(moved.to),
        }
    }
}

/// What a change did to order lines.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Effects))]
pub struct EffectsJson<'a> {
    /// Lines that moved to other batches.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<MovedJson<'static>>))]
    reallocated: Each<'a, Moved, MovedJson<'a>>,
    /// Lines that lost their stock and went to the backlog.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<LineJson<'static>>))]
    backordered: Each<'a, LineView, LineJson<'a>>,
    /// Lines of the backlog that got stock.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<LineJson<'static>>))]
    allocated: Each<'a, LineView, LineJson<'a>>,
    /// Lines that keep their batches and are promised for another date.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<PromiseMovedJson<'static>>))]
    promise_changed: Each<'a, PromiseMoved, PromiseMovedJson<'a>>,
    /// `true`: more lines are affected than these. The service goes on with the others at once; events report what
    /// becomes of each. Missing otherwise.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[cfg_attr(feature = "schema", schema(required = false))]
    continues: bool,
}

impl<'a> From<&'a Effects> for EffectsJson<'a> {
    fn from(effects: &'a Effects) -> Self {
        Self {
            reallocated: Each::of(&effects.reallocated),
            backordered: Each::of(&effects.backordered),
            allocated: Each::of(&effects.allocated),
            promise_changed: Each::of(&effects.promise_changed),
            continues: effects.continues,
        }
    }
}

/// What a reallocation on demand did.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ReallocationOfProduct))]
pub struct ReallocationJson<'a> {
    /// What it did.
    #[cfg_attr(feature = "schema", schema(value_type = EffectsJson<'static>))]
    pub effects: EffectsJson<'a>,
}

/// A batch that has arrived, whole or in part, and what its arrival did.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BatchReceipt))]
pub struct BatchReceiptJson<'a> {
    /// What has arrived: the batch from now on.
    pub batch: BatchJson<'a>,
    /// The rest that is still expected, a batch of its own; null: nothing more is expected of the batch.
    #[cfg_attr(feature = "schema", schema(required))]
    pub rest: Option<BatchJson<'a>>,
    /// What the arrival did to order lines.
    pub effects: EffectsJson<'a>,
}

/// A batch after a change, and what the change did.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BatchChange))]
pub struct BatchChangeJson<'a> {
    /// The batch after the change.
    pub batch: BatchJson<'a>,
    /// What the change did to order lines.
    pub effects: EffectsJson<'a>,
}

/// An order after a change of its terms, and what the change did.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = OrderChange))]
pub struct OrderChangeJson<'a> {
    /// The order after the change.
    pub order: OrderJson<'a>,
    /// What the change did to order lines, those of other orders included.
    pub effects: EffectsJson<'a>,
}
