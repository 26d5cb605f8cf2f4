//! Tables: what is exported, row by row, as CSV or NDJSON.

mod order;

use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use earmark_application::{EncodedEvent, LineRead};
use earmark_domain::{BatchRecord, LineView};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Serialize, Serializer};

use super::Format;
use crate::wire::{EventJson, WireError};

pub use order::OrderRow;

/// A row that can be exported: an object of NDJSON, and a record of CSV.
pub trait Exported: Serialize {
    /// The CSV header: the names of the fields, in order.
    const COLUMNS: &'static [&'static str];

    /// Writes the row as a CSV record.
    ///
    /// # Errors
    /// When the writer fails.
    fn write_csv<W: Write>(&self, writer: &mut csv::Writer<W>) -> csv::Result<()> {
        writer.serialize(self)
    }
}

/// A table being written. Nothing is held back but a buffer of a few KiB.
pub struct Table<W: Write>(Writer<W>);

enum Writer<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Ndjson(BufWriter<W>),
}

impl<W: Write> Table<W> {
    /// Begins a table of rows of this type; CSV gets its header, even if no row follows.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn begin<R: Exported>(to: W, format: Format) -> io::Result<Self> {
        Ok(Self(match format {
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(to);
                writer.write_record(R::COLUMNS).map_err(plain)?;
                Writer::Csv(Box::new(writer))
            }
            Format::Ndjson => Writer::Ndjson(BufWriter::new(to)),
        }))
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write<R: Exported>(&mut self, row: &R) -> io::Result<()> {
        match &mut self.0 {
            Writer::Csv(writer) => row.write_csv(writer).map_err(plain)?,
            Writer::Ndjson(writer) => {
                serde_json::to_writer(&mut *writer, row)?;
                writer.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    /// Hands on what is still in the buffer.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn finish(self) -> io::Result<()> {
        match self.0 {
            Writer::Csv(mut writer) => writer.flush(),
            Writer::Ndjson(mut writer) => writer.flush(),
        }
    }
}

/// Units of a line in one batch; without a batch for a line that has none.
#[derive(Debug, Serialize)]
pub struct AllocationRow<'a> {
    order_id: &'a str,
    line_id: &'a str,
    sku: &'a str,
    quantity: u32,
    status: &'static str,
    batch: Option<&'a str>,
    allocated: Option<u32>,
    #[serde(serialize_with = "optional_text")]
    promised_on: Option<Date>,
}

impl Exported for AllocationRow<'_> {
    const COLUMNS: &'static [&'static str] = &[
        "order_id",
        "line_id",
        "sku",
        "quantity",
        "status",
        "batch",
        "allocated",
        "promised_on",
    ];
}

impl<'a> AllocationRow<'a> {
    /// The rows of a line: one for each batch it has units in, or one without a batch.
    pub fn of(line: &'a LineView) -> impl Iterator<Item = Self> {
        let parts = line.allocations.iter().map(Some);
        let none = line.allocations.is_empty().then_some(None);
        parts.chain(none).map(move |part| Self {
            order_id: line.key.order.as_str(),
            line_id: line.key.line.as_str(),
            sku: line.sku.as_str(),
            quantity: line.quantity.get(),
            status: line.state.as_str(),
            batch: part.map(|part| part.batch.as_str()),
            allocated: part.map(|part| part.quantity.get()),
            promised_on: line.promised_on,
        })
    }
}

/// A batch as it is shown on a day.
#[derive(Debug, Serialize)]
pub struct BatchRow {
    reference: String,
    sku: String,
    location: String,
    quantity: u32,
    allocated: u64,
    dispatched: u64,
    available: u64,
    #[serde(serialize_with = "optional_text")]
    eta: Option<Date>,
    status: &'static str,
}

impl Exported for BatchRow {
    const COLUMNS: &'static [&'static str] = &[
        "reference",
        "sku",
        "location",
        "quantity",
        "allocated",
        "dispatched",
        "available",
        "eta",
        "status",
    ];
}

impl BatchRow {
    /// The row of a batch.
    #[must_use]
    pub fn of(batch: &BatchRecord, today: Date) -> Self {
        Self {
            reference: batch.reference.to_string(),
            sku: batch.sku.to_string(),
            location: batch.location.to_string(),
            quantity: batch.quantity.get(),
            allocated: batch.allocated.get(),
            dispatched: batch.dispatched.get(),
            available: batch.available().get(),
            eta: batch.eta,
            status: batch.status(today).as_str(),
        }
    }
}

/// A line that waits for stock.
#[derive(Debug, Serialize)]
pub struct BacklogRow<'a> {
    sku: &'a str,
    order_id: &'a str,
    line_id: &'a str,
    quantity: u32,
    split: bool,
    #[serde(serialize_with = "text")]
    placed_at: Timestamp,
    priority: i32,
    #[serde(serialize_with = "optional_text")]
    required_by: Option<Date>,
}

impl Exported for BacklogRow<'_> {
    const COLUMNS: &'static [&'static str] = &[
        "sku",
        "order_id",
        "line_id",
        "quantity",
        "split",
        "placed_at",
        "priority",
        "required_by",
    ];
}

impl<'a> From<&'a LineRead> for BacklogRow<'a> {
    fn from(line: &'a LineRead) -> Self {
        Self {
            sku: line.record.sku.as_str(),
            order_id: line.record.terms.key.order.as_str(),
            line_id: line.record.terms.key.line.as_str(),
            quantity: line.record.terms.quantity.get(),
            split: line.record.terms.split,
            placed_at: line.record.terms.placed_at,
            priority: line.record.terms.precedence.priority().get(),
            required_by: line.record.terms.precedence.required_by(),
        }
    }
}

/// An event. As CSV its `data` is one field of JSON.
#[derive(Serialize)]
#[serde(transparent)]
pub struct EventRow<'a>(EventJson<'a>);

impl<'a> EventRow<'a> {
    /// An event as a row.
    ///
    /// # Errors
    /// [`WireError`] when what was stored of it is not even JSON.
    pub fn of(event: &'a EncodedEvent) -> Result<Self, WireError> {
        EventJson::of(event).map(Self)
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
        let sequence = event.sequence.to_string();
        writer.write_record([
            &*sequence,
            &*sequence,
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

/// The writer's own error, which says whether a pipe was closed: wrapped, it would not.
fn plain(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

fn text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn optional_text<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests;
