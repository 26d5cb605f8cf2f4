//! Order lines.

use diesel::data_types::{PgDate, PgTimestamp};
use diesel::{Queryable, Selectable};
use earmark_application::StoreError;
use earmark_domain::{LineRecord, LineState, LineTerms, Locations, OrderId, Promise, Quantity, Sku, Units};
use jiff::Timestamp;

use super::values::Times;
use crate::postgres::schema::lines;
use crate::sql::decode::RowContext;

/// A row of `lines`, without the units that are stored in it: the view `allocations` has those.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = lines, check_for_backend(diesel::pg::Pg))]
pub(in crate::postgres) struct LineRow {
    pub(in crate::postgres) order_id: String,
    pub(in crate::postgres) line_id: String,
    sku: String,
    quantity: i32,
    state: String,
    split: bool,
    placed_at: PgTimestamp,
    placed_with_order: bool,
    pub(in crate::postgres) rank: i64,
    locations: Option<Vec<String>>,
    hold_until: Option<PgTimestamp>,
    promised_on: Option<PgDate>,
    first_promised_on: Option<PgDate>,
    due_by: Option<PgDate>,
    pub(in crate::postgres) placed_version: i64,
    dispatched: i32,
    asked: Option<String>,
}

/// The order of a line, and the state that the line is in, with its deadline.
pub(in crate::postgres) fn joined_line(
    order: &str,
    state: &str,
    hold_until: Option<PgTimestamp>,
) -> Result<(OrderId, (LineState, Option<Timestamp>)), StoreError> {
    let at = RowContext {
        table: "lines",
        key: &order,
    };
    let found = LineState::parse(state).ok_or_else(|| at.corrupt(format_args!("state {state:?} is none")))?;
    let hold_until = at.instant_if_any("hold_until", hold_until)?;
    Ok((at.read("order_id", OrderId::new(order))?, (found, hold_until)))
}

impl TryFrom<LineRow> for LineRecord {
    type Error = StoreError;

    fn try_from(row: LineRow) -> Result<Self, StoreError> {
        let key = format!("{}/{}", row.order_id, row.line_id);
        let at = RowContext {
            table: "lines",
            key: &key,
        };
        let state = LineState::parse(&row.state);
        let asked = row.asked.map(|asked| at.read("asked", asked.parse()));
        let locations = row.locations.map(|names| at.locations(names)).transpose()?;
        let promised_on = at.date_if_any("promised_on", row.promised_on)?;
        let first_promised_on = at.date_if_any("first_promised_on", row.first_promised_on)?;
        Ok(Self {
            sku: at.read("sku", Sku::new(row.sku))?,
            state: state.ok_or_else(|| at.corrupt(format_args!("state {:?} is none", row.state)))?,
            placed_version: at.read("placed_version", u64::try_from(row.placed_version))?,
            promise: Promise {
                on: promised_on,
                // It is stored where it is another.
                first_on: first_promised_on.or(promised_on),
                due_by: at.date_if_any("due_by", row.due_by)?,
            },
            dispatched: Units::new(at.read("dispatched", u64::try_from(row.dispatched))?),
            terms: LineTerms {
                key: at.line_key(&row.order_id, &row.line_id)?,
                quantity: at.read("quantity", Quantity::new(row.quantity))?,
                split: row.split,
                placed_at: at.instant("placed_at", row.placed_at)?,
                placed_with_order: row.placed_with_order,
                asked: asked.transpose()?,
                precedence: at.precedence("rank", row.rank)?,
                locations: locations.unwrap_or(Locations::ANY),
                hold_until: at.instant_if_any("hold_until", row.hold_until)?,
            },
        })
    }
}
