//! Quotes: what an order would come to, with the batches that were tried.

use earmark_domain::{Part, QuotedLine, Tried};
use jiff::civil::Date;
use serde::Serialize;

use super::list::Each;
use super::orders::AllocationJson;
use super::shortages::RemedyJson;
use crate::wire::text::Text;
use crate::wire::words::TriedOutcomeJson;

/// A batch that was tried for a line.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Tried))]
pub struct TriedJson<'a> {
    /// The batch's reference.
    #[cfg_attr(feature = "schema", schema(example = "PO-1042"))]
    batch: &'a str,
    /// Where it lies or will lie.
    #[cfg_attr(feature = "schema", schema(example = "main"))]
    location: &'a str,
    /// When it arrives; null: it is in the warehouse.
    #[cfg_attr(
        feature = "schema",
        schema(value_type = Option<String>, format = Date, example = "2036-03-31", required)
    )]
    eta: Option<Text<Date>>,
    /// Units of it that are available after the lines before.
    #[cfg_attr(feature = "schema", schema(example = 2))]
    available: u64,
    /// The outcome for the line.
    outcome: TriedOutcomeJson,
}

impl<'a> From<&'a Tried> for TriedJson<'a> {
    fn from(tried: &'a Tried) -> Self {
        Self {
            batch: tried.batch.as_str(),
            location: tried.location.as_str(),
            eta: tried.eta.map(Text),
            available: tried.available.get(),
            outcome: tried.outcome.into(),
        }
    }
}

/// The result for a line of a quote.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = QuotedLine))]
pub struct QuotedLineJson<'a> {
    /// Identifies it within the quote; the SKU where no id was given.
    #[cfg_attr(feature = "schema", schema(example = "1"))]
    line_id: &'a str,
    /// Its product.
    #[cfg_attr(feature = "schema", schema(example = "LAMP-RED"))]
    sku: &'a str,
    /// Its quantity.
    #[cfg_attr(feature = "schema", schema(example = 3, minimum = 1, maximum = 1_000_000_000))]
    quantity: u32,
    /// Whether the line would get its units.
    #[cfg_attr(feature = "schema", schema(example = true))]
    fits: bool,
    /// When it could leave; null: it does not fit.
    #[cfg_attr(
        feature = "schema",
        schema(value_type = Option<String>, format = Date, example = "2036-03-31", required)
    )]
    promised_on: Option<Text<Date>>,
    /// Where its units would be; empty: it does not fit.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<AllocationJson<'static>>))]
    allocations: Each<'a, Part, AllocationJson<'a>>,
    /// The batches that were tried, in that order.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<TriedJson<'static>>))]
    tried: Each<'a, Tried, TriedJson<'a>>,
    /// What would make it fit; left out where it fits.
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

/// The result of placing an order with these lines.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Quoted))]
pub struct QuoteJson<'a> {
    /// The lines, in the order given.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<QuotedLineJson<'static>>))]
    lines: Each<'a, QuotedLine, QuotedLineJson<'a>>,
    /// When the last of them could leave; null: one does not fit.
    #[cfg_attr(
        feature = "schema",
        schema(value_type = Option<String>, format = Date, example = "2036-03-31", required)
    )]
    promised_on: Option<Text<Date>>,
}

impl<'a> QuoteJson<'a> {
    /// The quote for these lines.
    #[must_use]
    pub fn of(lines: &'a [QuotedLine]) -> Self {
        let dates: Option<Vec<Date>> = lines.iter().map(|line| line.promised_on).collect();
        Self {
            lines: Each::of(lines),
            promised_on: dates.and_then(|dates| dates.into_iter().max()).map(Text),
        }
    }
}
