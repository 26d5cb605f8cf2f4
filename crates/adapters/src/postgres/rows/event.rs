//! Events.

use diesel::data_types::{PgDate, PgTimestamp};
use diesel::sql_types::Text;
use diesel::{ExpressionMethods, Queryable, Selectable};
use earmark_application::{EncodedEvent, StoreError};
use earmark_domain::{Event, OrderId, SequencedEvent};

use super::values::Times;
use crate::postgres::schema::events;
use crate::sql::decode::RowContext;
use crate::wire;

/// A row of `events`. `data` is read as text: it is decoded once, or passed on as it is stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = events, check_for_backend(diesel::pg::Pg))]
pub(in crate::postgres) struct EventRow {
    pub(in crate::postgres) sequence: i64,
    sku: Option<String>,
    version: Option<i64>,
    order_id: Option<String>,
    event_type: String,
    occurred_at: PgTimestamp,
    decided_on: PgDate,
    actor: String,
    correlation_id: String,
    #[diesel(select_expression = events::data.cast::<Text>())]
    data: String,
}

fn context(sequence: &i64) -> RowContext<'_> {
    RowContext {
        table: "events",
        key: sequence,
    }
}

impl TryFrom<EventRow> for SequencedEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let at = context(&row.sequence);
        let order = row.order_id.as_deref().map(OrderId::new);
        let order = order.map(|order| at.read("order_id", order)).transpose()?;
        Ok(Self {
            sequence: at.read("sequence", u64::try_from(row.sequence))?,
            event: Event {
                subject: at.subject(row.sku, row.version, order.as_ref())?,
                occurred_at: at.instant("occurred_at", row.occurred_at)?,
                decided_on: at.date("decided_on", row.decided_on)?,
                actor: row.actor.into(),
                correlation_id: row.correlation_id.into(),
                fact: at.read("data", wire::fact_from_json(&row.event_type, &row.data))?,
            },
        })
    }
}

impl TryFrom<EventRow> for EncodedEvent {
    type Error = StoreError;

    fn try_from(row: EventRow) -> Result<Self, StoreError> {
        let at = context(&row.sequence);
        let order = at.order(row.order_id, &row.event_type, &row.data)?;
        Ok(Self {
            sequence: at.read("sequence", u64::try_from(row.sequence))?,
            subject: at.subject(row.sku, row.version, order.as_ref())?,
            order,
            event_type: at.read("type", wire::event_type(&row.event_type))?,
            occurred_at: at.instant("occurred_at", row.occurred_at)?,
            decided_on: at.date("decided_on", row.decided_on)?,
            actor: row.actor,
            correlation_id: row.correlation_id,
            data: row.data,
        })
    }
}
