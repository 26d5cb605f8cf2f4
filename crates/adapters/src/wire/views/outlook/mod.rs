//! What planners ask: promises at risk, late batches, the backlog by age, changes, holds that end, a product in time.

pub mod batches;
pub mod holds;
pub mod lines;
pub mod product;

use earmark_application::Counted;
use serde::Serialize;

/// Lines that were counted.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Counted))]
pub struct CountedJson {
    /// How many.
    #[cfg_attr(feature = "schema", schema(example = 2))]
    lines: u64,
    /// Their units.
    #[cfg_attr(feature = "schema", schema(example = 7))]
    units: u64,
}

impl From<Counted> for CountedJson {
    fn from(counted: Counted) -> Self {
        Self {
            lines: counted.lines,
            units: counted.units.get(),
        }
    }
}
