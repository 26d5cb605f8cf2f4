//! Events, and the messages that were processed.

use diesel::prelude::{Queryable, Selectable};
use diesel::sqlite::Sqlite;
use earmark_application::{EncodedEvent, StoreError};
use earmark_domain::{Event, OrderId, SequencedEvent};

use super::super::schema::events;
use super::Times;
use crate::sql::decode::RowContext;
use crate::wire;

/// An event as it is read.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = events, check_for_backend(Sqlite))]
pub(in crate::sqlite) struct EventRow {
    pub(in crate::sqlite) sequence: i64,
    sku: Option<String>,
    version: Option<i64>,
    order_id: Option<String>,
    event_type: String,
    occurred_at: i64,
    decided_on: String,
    actor: String,
    correlation_id: String,
    data: String,
}

/// An event, decoded.
pub(in crate::sqlite) fn event(row: EventRow) -> Result<SequencedEvent, StoreError> {
    let at = RowContext {
        table: "events",
        key: &row.sequence,
    };
    let order = row.order_id.map(OrderId::new).transpose();
    let order = at.read("order_id", order)?;
    Ok(SequencedEvent {
        sequence: at.read("sequence", u64::try_from(row.sequence))?,
        event: Event {
            subject: at.subject(row.sku, row.version, order.as_ref())?,
            occurred_at: at.instant("occurred_at", row.occurred_at)?,
            decided_on: at.date("decided_on", &row.decided_on)?,
            actor: row.actor.into(),
            correlation_id: row.correlation_id.into(),
            fact: at.read("data", wire::fact_from_json(&row.event_type, &row.data))?,
        },
    })
}

/// An event whose data stays encoded.
pub(in crate::sqlite) fn encoded_event(row: EventRow) -> Result<EncodedEvent, StoreError> {
    let at = RowContext {
        table: "events",
        key: &row.sequence,
    };
    let order = at.order(row.order_id, &row.event_type, &row.data)?;
    Ok(EncodedEvent {
        sequence: at.read("sequence", u64::try_from(row.sequence))?,
        subject: at.subject(row.sku, row.version, order.as_ref())?,
        order,
        event_type: at.read("type", wire::event_type(&row.event_type))?,
        occurred_at: at.instant("occurred_at", row.occurred_at)?,
        decided_on: at.date("decided_on", &row.decided_on)?,
        actor: row.actor,
        correlation_id: row.correlation_id,
        data: row.data,
    })
}
