//! Showing what could be promised: quotes with the batches that were tried, and availability by date.

use earmark_domain::{Availability, AvailableOn, Part, QuotedLine, Remedy, Sku, Tried};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

use super::present::{AllocationJson, Each};
use crate::wire::Text;

/// The smallest change that would have let a line fit: one of these.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Remedy)]
#[serde(rename_all = "snake_case")]
pub(super) enum RemedyJson<'a> {
    /// To let it be spread over several batches.
    Split(bool),
    /// To let it be served from this location as well.
    Location(&'a str),
    /// To keep back no more than so many units of the product.
    SafetyStock(u32),
    /// To ask for no more than so many units.
    Quantity(u32),
    /// To wait for so many units more: there are none for it.
    MoreStock(u64),
}

impl<'a> From<&'a Remedy> for RemedyJson<'a> {
    fn from(remedy: &'a Remedy) -> Self {
        match remedy {
            Remedy::Split => Self::Split(true),
            Remedy::Location(location) => Self::Location(location.as_str()),
            Remedy::SafetyStock(units) => Self::SafetyStock(units.get()),
            Remedy::Quantity(units) => Self::Quantity(units.get()),
            Remedy::MoreStock(units) => Self::MoreStock(units.get()),
        }
    }
}

/// A batch that was tried for a line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tried)]
pub(super) struct TriedJson<'a> {
    /// The batch's reference.
    #[schema(example = "PO-1042")]
    batch: &'a str,
    /// Where it lies or will lie.
    #[schema(example = "main")]
    location: &'a str,
    /// When it arrives; null: it is in the warehouse.
    #[schema(value_type = Option<String>, format = Date, example = "2026-03-31", required)]
    eta: Option<Text<Date>>,
    /// Units of it that the lines before left available.
    #[schema(example = 2)]
    available: u64,
    /// What became of it.
    #[schema(
        example = "too_small",
        pattern = "^(taken|too_small|kept_back|overdue|other_location)$"
    )]
    outcome: &'static str,
}

impl<'a> From<&'a Tried> for TriedJson<'a> {
    fn from(tried: &'a Tried) -> Self {
        Self {
            batch: tried.batch.as_str(),
            location: tried.location.as_str(),
            eta: tried.eta.map(Text),
            available: tried.available.get(),
            outcome: tried.outcome.as_str(),
        }
    }
}

/// What a line of a quote would come to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QuotedLine)]
pub(super) struct QuotedLineJson<'a> {
    /// Identifies it within the quote; the SKU, where none was given.
    #[schema(example = "LAMP-RED")]
    line_id: &'a str,
    /// The product it wants.
    #[schema(example = "LAMP-RED")]
    sku: &'a str,
    /// The units it wants.
    #[schema(example = 3, minimum = 1, maximum = 1_000_000_000)]
    quantity: u32,
    /// Whether it would get its units.
    #[schema(example = true)]
    fits: bool,
    /// When it could leave; null: it does not fit.
    #[schema(value_type = Option<String>, format = Date, example = "2026-03-31", required)]
    promised_on: Option<Text<Date>>,
    /// Where its units would be; empty: it does not fit.
    #[schema(value_type = Vec<AllocationJson<'static>>)]
    allocations: Each<'a, Part, AllocationJson<'a>>,
    /// The batches that were tried, in that order.
    #[schema(value_type = Vec<TriedJson<'static>>)]
    tried: Each<'a, Tried, TriedJson<'a>>,
    /// What would have let it fit; left out where it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<RemedyJson<'a>>,
}

impl<'a> From<&'a QuotedLine> for QuotedLineJson<'a> {
    fn from(line: &'a QuotedLine) -> Self {
        Self {
            line_id: line.line.as_str(),
            sku: line.sku.as_str(),
            quantity: line.quantity.get(),
            fits: line.remedy.is_none(),
            promised_on: line.promised_on.map(Text),
            allocations: Each::of(&line.allocations),
            tried: Each::of(&line.tried),
            remedy: line.remedy.as_ref().map(RemedyJson::from),
        }
    }
}

/// What placing an order with these lines would come to.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quoted)]
pub(super) struct QuoteJson<'a> {
    /// The lines, in the order given.
    #[schema(value_type = Vec<QuotedLineJson<'static>>)]
    lines: Each<'a, QuotedLine, QuotedLineJson<'a>>,
    /// When the last of them could leave; null: one does not fit.
    #[schema(value_type = Option<String>, format = Date, example = "2026-03-31", required)]
    promised_on: Option<Text<Date>>,
}

impl<'a> QuoteJson<'a> {
    /// What these lines would come to.
    pub(super) fn of(lines: &'a [QuotedLine]) -> Self {
        let dates: Option<Vec<Date>> = lines.iter().map(|line| line.promised_on).collect();
        Self {
            lines: Each::of(lines),
            promised_on: dates.and_then(|dates| dates.into_iter().max()).map(Text),
        }
    }
}

/// What can be promised by a day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AvailableOn)]
pub(super) struct AvailableOnJson {
    /// The day.
    #[schema(value_type = String, format = Date, example = "2026-03-31")]
    on: Text<Date>,
    /// Units that can leave on that day or before.
    #[schema(example = 110)]
    available: u64,
}

impl From<&AvailableOn> for AvailableOnJson {
    fn from(available: &AvailableOn) -> Self {
        Self {
            on: Text(available.on),
            available: available.available.get(),
        }
    }
}

/// What can be promised of a product, by date.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Availability)]
pub(super) struct AvailabilityJson<'a> {
    /// The product.
    #[schema(example = "LAMP-RED")]
    sku: &'a str,
    /// Units that can leave today.
    #[schema(example = 40)]
    available_now: u64,
    /// From today on, each day on which there are more than before.
    #[schema(value_type = Vec<AvailableOnJson>)]
    timeline: Each<'a, AvailableOn, AvailableOnJson>,
}

impl<'a> AvailabilityJson<'a> {
    /// What can be promised of this product.
    pub(super) fn of(sku: &'a Sku, availability: &'a Availability) -> Self {
        Self {
            sku: sku.as_str(),
            available_now: availability.available_now.get(),
            timeline: Each::of(&availability.timeline),
        }
    }
}
