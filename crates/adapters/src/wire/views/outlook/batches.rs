//! Late batches, and whom they hit.

use earmark_application::LateBatch;
use jiff::civil::Date;
use serde::Serialize;

use super::CountedJson;
use crate::wire::text::Text;
use crate::wire::views::batches::BatchJson;
use crate::wire::views::list::Each;

/// A batch that is late.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LateBatch))]
pub struct LateBatchJson<'a> {
    /// The batch.
    #[cfg_attr(feature = "schema", schema(value_type = BatchJson<'static>))]
    batch: BatchJson<'a>,
    /// The ETA that it was created with; null: it was created in the warehouse.
    #[cfg_attr(
        feature = "schema",
        schema(value_type = Option<String>, format = Date, example = "2036-03-24", required)
    )]
    first_eta: Option<Text<Date>>,
    /// The day on which its units can leave at the earliest, as far as is known.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date, example = "2036-03-31"))]
    leaves_on: Text<Date>,
    /// Its lines that leave too late for their customers.
    hurt: CountedJson,
    /// Those for which other stock is free that leaves in time.
    movable: CountedJson,
    /// Those that leave in time all the same.
    slack: CountedJson,
    /// Whether it has more lines than were looked at.
    #[cfg_attr(feature = "schema", schema(example = false))]
    more: bool,
}

impl<'a> From<&'a LateBatch> for LateBatchJson<'a> {
    fn from(late: &'a LateBatch) -> Self {
        Self {
            batch: (&late.batch).into(),
            first_eta: late.batch.record.created_eta.map(Text),
            leaves_on: Text(late.leaves_on),
            hurt: late.hits.hurt.into(),
            movable: late.hits.movable.into(),
            slack: late.hits.slack.into(),
            more: late.hits.more,
        }
    }
}

/// A page of late batches.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LateBatchPage))]
pub struct LateBatchPageJson<'a> {
    /// Batches, by ETA. There may be fewer than asked for though the list goes on.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<LateBatchJson<'static>>))]
    pub items: Each<'a, LateBatch, LateBatchJson<'a>>,
    /// `after` of the next page, an opaque text; null: this is the last page.
    #[cfg_attr(feature = "schema", schema(required))]
    pub next: Option<String>,
}
