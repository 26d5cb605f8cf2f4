//! Pages of lists.

use earmark_application::{LogPosition, ProductView};
use earmark_domain::{BatchView, LineView, OrderView};
use serde::Serialize;

use super::batches::BatchJson;
use super::list::Each;
use super::orders::{LineJson, OrderJson};
use super::products::SummaryJson;
use crate::wire::events::EventJson;
use crate::wire::text::Text;

/// A page of products.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ProductPage))]
pub struct ProductPageJson<'a> {
    /// Products, by SKU.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<SummaryJson<'static>>))]
    pub items: Each<'a, ProductView, SummaryJson<'a>>,
    /// `after` of the next page; null: this is the last page.
    #[cfg_attr(feature = "schema", schema(example = "LAMP-RED", required))]
    pub next: Option<&'a str>,
}

/// A page of batches.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BatchPage))]
pub struct BatchPageJson<'a> {
    /// Batches, by reference. There may be few, or none, though the list goes on.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<BatchJson<'static>>))]
    pub items: Each<'a, BatchView, BatchJson<'a>>,
    /// `after` of the next page; null: this is the last page.
    #[cfg_attr(feature = "schema", schema(example = "PO-1042", required))]
    pub next: Option<&'a str>,
}

/// A page of orders.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = OrderPage))]
pub struct OrderPageJson<'a> {
    /// Orders with their lines, by id. There may be few, or none, though the list goes on.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<OrderJson<'static>>))]
    pub items: Each<'a, OrderView, OrderJson<'a>>,
    /// `after` of the next page; null: this is the last page.
    #[cfg_attr(feature = "schema", schema(example = "order-7", required))]
    pub next: Option<&'a str>,
}

/// A page of a product's backlog.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BacklogPage))]
pub struct BacklogPageJson<'a> {
    /// Waiting lines, in order of service.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<LineJson<'static>>))]
    pub items: Each<'a, LineView, LineJson<'a>>,
    /// `after` of the next page, an opaque text; null: this is the last page.
    #[cfg_attr(feature = "schema", schema(required))]
    pub next: Option<String>,
}

/// A page of events.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = EventPage))]
pub struct EventPageJson<'a> {
    /// Events, ascending.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<EventJson<'static>>))]
    pub items: Vec<EventJson<'a>>,
    /// `after` of the next page: a cursor. No event at or before it is ever added later.
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "1-17"))]
    next: Text<LogPosition>,
}

impl<'a> EventPageJson<'a> {
    /// A page with the place to read on from.
    #[must_use]
    pub const fn new(items: Vec<EventJson<'a>>, next: LogPosition) -> Self {
        Self {
            items,
            next: Text(next),
        }
    }
}
