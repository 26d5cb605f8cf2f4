//! The rows of the table of events.

use std::io::Write;

use earmark_application::{Books, EncodedEvent};
use serde::Serialize;

use super::table::Exported;
use crate::wire::{EventJson, WireError};

/// An event. As CSV its `data` is one field of JSON.
#[derive(Serialize)]
#[serde(transparent)]
pub struct EventRow<'a>(EventJson<'a>);

impl<'a> EventRow<'a> {
    /// An event of these books as a row.
    ///
    /// # Errors
    /// [`WireError`] when its stored data is not JSON.
    pub fn of(event: &'a EncodedEvent, books: &Books) -> Result<Self, WireError> {
        EventJson::of(event, books).map(Self)
    }
}

impl Exported for EventRow<'_> {
    const COLUMNS: &'static [&'static str] = &[
        "sequence",
        "id",
        "type",
        "sku",
        "version",
        "order_id",
        "occurred_at",
        "actor",
        "correlation_id",
        "data",
    ];

    fn write_csv<W: Write>(&self, writer: &mut csv::Writer<W>) -> csv::Result<()> {
        let event = &self.0;
        writer.write_record([
            &*event.sequence.to_string(),
            &*event.id.to_string(),
            event.event_type,
            event.sku.unwrap_or_default(),
            &event.version.map(|version| version.to_string()).unwrap_or_default(),
            event.order_id.unwrap_or_default(),
            &event.occurred_at.to_string(),
            event.actor,
            event.correlation_id,
            event.data(),
        ])
    }
}
