//! Tables: what is exported, row by row, as CSV or NDJSON.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io::{self, BufWriter, Write};

use earmark_application::{LineRead, WrittenEvent};
use earmark_domain::{BatchRecord, BatchView, LineState, OrderId, OrderStatus};
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Serialize, Serializer};

use super::Format;
use crate::wire::{EventJson, WireError};

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
    /// The rows of a line as it is shown on a day: one for each batch it has units in, or one without a batch.
    pub fn of(line: &'a LineRead, today: Date) -> impl Iterator<Item = Self> {
        let promised_on = promised_on(line, today);
        let parts = line.allocations.iter().map(|(part, _)| Some(part));
        let none = line.allocations.is_empty().then_some(None);
        parts.chain(none).map(move |part| Self {
            order_id: line.record.key.order.as_str(),
            line_id: line.record.key.line.as_str(),
            sku: line.record.sku.as_str(),
            quantity: line.record.quantity.get(),
            status: line.record.state.as_str(),
            batch: part.map(|part| part.batch.as_str()),
            allocated: part.map(|part| part.quantity.get()),
            promised_on,
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
    pub fn of(batch: BatchRecord, today: Date) -> Self {
        let BatchView {
            record,
            available,
            status,
        } = BatchView::of(batch, today);
        Self {
            reference: record.reference.to_string(),
            sku: record.sku.to_string(),
            location: record.location.to_string(),
            quantity: record.quantity.get(),
            allocated: record.allocated.get(),
            dispatched: record.dispatched.get(),
            available: available.get(),
            eta: record.eta,
            status: status.as_str(),
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
}

impl Exported for BacklogRow<'_> {
    const COLUMNS: &'static [&'static str] = &["sku", "order_id", "line_id", "quantity", "split", "placed_at"];
}

impl<'a> From<&'a LineRead> for BacklogRow<'a> {
    fn from(line: &'a LineRead) -> Self {
        Self {
            sku: line.record.sku.as_str(),
            order_id: line.record.key.order.as_str(),
            line_id: line.record.key.line.as_str(),
            quantity: line.record.quantity.get(),
            split: line.record.split,
            placed_at: line.record.placed_at,
        }
    }
}

/// An order, gathered line by line. `allocated`, `backordered`, `refused` and `cancelled` are units.
#[derive(Debug, Serialize)]
pub struct OrderRow {
    order_id: String,
    status: &'static str,
    #[serde(serialize_with = "text")]
    placed_at: Timestamp,
    lines: u64,
    allocated: u64,
    backordered: u64,
    refused: u64,
    cancelled: u64,
    #[serde(serialize_with = "optional_text")]
    promised_on: Option<Date>,
    #[serde(skip)]
    order: OrderId,
    #[serde(skip)]
    states: BTreeSet<LineState>,
}

impl Exported for OrderRow {
    const COLUMNS: &'static [&'static str] = &[
        "order_id",
        "status",
        "placed_at",
        "lines",
        "allocated",
        "backordered",
        "refused",
        "cancelled",
        "promised_on",
    ];
}

impl OrderRow {
    /// The row of an order, of which this is the first line.
    #[must_use]
    pub fn begin(line: &LineRead, today: Date) -> Self {
        let order = line.record.key.order.clone();
        let mut row = Self {
            order_id: order.to_string(),
            status: OrderStatus::Firm.as_str(),
            placed_at: line.record.placed_at,
            lines: 0,
            allocated: 0,
            backordered: 0,
            refused: 0,
            cancelled: 0,
            promised_on: None,
            order,
            states: BTreeSet::new(),
        };
        row.add(line, today);
        row
    }

    /// Whether a line is of this order.
    #[must_use]
    pub fn holds(&self, line: &LineRead) -> bool {
        self.order == line.record.key.order
    }

    /// Adds another line of the order. The order can leave on the day its last line can; never, while one waits.
    pub fn add(&mut self, line: &LineRead, today: Date) {
        let state = line.record.state;
        let units = match state {
            LineState::Allocated => &mut self.allocated,
            LineState::Backordered => &mut self.backordered,
            LineState::Refused => &mut self.refused,
            LineState::Cancelled => &mut self.cancelled,
        };
        *units += u64::from(line.record.quantity.get());
        self.lines += 1;
        self.placed_at = self.placed_at.min(line.record.placed_at);
        self.states.insert(state);
        self.status = OrderStatus::of(self.states.iter().copied()).as_str();
        self.promised_on = match self.states.contains(&LineState::Backordered) {
            true => None,
            false => self.promised_on.max(promised_on(line, today)),
        };
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
    pub fn of(event: &'a WrittenEvent) -> Result<Self, WireError> {
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

fn promised_on(line: &LineRead, today: Date) -> Option<Date> {
    earmark_domain::promise_date(line.allocations.iter().map(|(_, eta)| *eta), today)
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
mod tests {
    use earmark_domain::{LineKey, LineRecord, Part, Quantity, Reference, Sku, Subject};

    use super::*;

    const TODAY: Date = Date::constant(2030, 1, 31);

    fn line(order: &str, id: &str, state: LineState, in_batches: &[(&str, u32, Option<Date>)]) -> LineRead {
        LineRead {
            record: LineRecord {
                key: LineKey {
                    order: order.parse().expect("a name"),
                    line: id.parse().expect("a name"),
                },
                sku: Sku::new("LAMP, small").expect("a name"),
                quantity: Quantity::new(10).expect("a quantity"),
                state,
                split: true,
                placed_at: Timestamp::UNIX_EPOCH,
                placed_with_order: false,
            },
            allocations: in_batches
                .iter()
                .map(|(batch, quantity, eta)| {
                    let batch = Reference::new(*batch).expect("a name");
                    (
                        Part {
                            batch,
                            quantity: Quantity::new(*quantity).expect("a quantity"),
                        },
                        *eta,
                    )
                })
                .collect(),
        }
    }

    fn written<R: Exported>(format: Format, rows: impl IntoIterator<Item = R>) -> String {
        let mut bytes = Vec::new();
        let mut table = Table::begin::<R>(&mut bytes, format).expect("memory");
        for row in rows {
            table.write(&row).expect("memory");
        }
        table.finish().expect("memory");
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn an_allocation_has_a_row_for_each_batch_and_one_where_there_is_none() {
        let split = line(
            "O-1",
            "1",
            LineState::Allocated,
            &[("B-1", 4, None), ("B-2", 6, Some(TODAY.tomorrow().expect("a day")))],
        );
        let waits = line("O-1", "2", LineState::Backordered, &[]);
        let rows = || AllocationRow::of(&split, TODAY).chain(AllocationRow::of(&waits, TODAY));

        assert_eq!(
            written(Format::Csv, rows()),
            "order_id,line_id,sku,quantity,status,batch,allocated,promised_on\n\
             O-1,1,\"LAMP, small\",10,allocated,B-1,4,2030-02-01\n\
             O-1,1,\"LAMP, small\",10,allocated,B-2,6,2030-02-01\n\
             O-1,2,\"LAMP, small\",10,backordered,,,\n"
        );
        let json = written(Format::Ndjson, rows());
        assert_eq!(
            json.lines().last(),
            Some(
                "{\"order_id\":\"O-1\",\"line_id\":\"2\",\"sku\":\"LAMP, small\",\"quantity\":10,\
                 \"status\":\"backordered\",\"batch\":null,\"allocated\":null,\"promised_on\":null}"
            )
        );
    }

    #[test]
    fn an_empty_table_still_names_its_columns() {
        let none: [BacklogRow<'_>; 0] = [];
        assert_eq!(
            written(Format::Csv, none),
            "sku,order_id,line_id,quantity,split,placed_at\n"
        );
    }

    #[test]
    fn an_order_can_leave_with_its_last_line_and_has_no_day_while_a_line_waits() {
        let here = line("O-1", "1", LineState::Allocated, &[("B-1", 10, None)]);
        let later = line(
            "O-1",
            "2",
            LineState::Allocated,
            &[("B-2", 10, Some(TODAY.tomorrow().expect("a day")))],
        );
        let waits = line("O-1", "3", LineState::Backordered, &[]);

        let mut row = OrderRow::begin(&here, TODAY);
        row.add(&later, TODAY);
        assert_eq!(row.promised_on, TODAY.tomorrow().ok());
        row.add(&waits, TODAY);
        row.add(&here, TODAY);
        assert_eq!(
            written(Format::Csv, [row]).lines().last(),
            Some("O-1,firm,1970-01-01T00:00:00Z,4,30,10,0,0,")
        );
    }

    #[test]
    fn columns_are_named_as_the_fields_of_the_objects_in_the_same_order() {
        fn check<R: Exported>(row: R) {
            let object = written(Format::Ndjson, [row]);
            let places: Vec<_> = R::COLUMNS
                .iter()
                .map(|name| object.find(&format!("\"{name}\":")))
                .collect();
            assert!(places.iter().all(Option::is_some), "{object}");
            assert!(places.is_sorted(), "{object}");
        }
        let line = line("O-1", "1", LineState::Allocated, &[("B-1", 10, None)]);
        check(AllocationRow::of(&line, TODAY).next().expect("a row"));
        check(BacklogRow::from(&line));
        check(OrderRow::begin(&line, TODAY));
    }

    #[test]
    fn an_event_is_one_record_with_its_data_as_json() {
        let event = WrittenEvent {
            sequence: 7,
            subject: Subject::Product {
                sku: Sku::new("LAMP").expect("a name"),
                version: 3,
            },
            order: None,
            event_type: "ProductNamed",
            occurred_at: Timestamp::UNIX_EPOCH,
            actor: "tester".to_owned(),
            correlation_id: "c-1".to_owned(),
            data: r#"{"name":"Lamp"}"#.to_owned(),
        };
        assert_eq!(
            written(Format::Csv, [EventRow::of(&event).expect("JSON")])
                .lines()
                .last(),
            Some("7,7,ProductNamed,LAMP,3,,1970-01-01T00:00:00Z,tester,c-1,\"{\"\"name\"\":\"\"Lamp\"\"}\"")
        );
    }
}
