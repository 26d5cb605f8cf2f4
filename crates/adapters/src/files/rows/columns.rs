//! Columns: the fields of a CSV record, by the header, as an entry.

use std::borrow::Cow;
use std::fmt;

use earmark_domain::{
    CreateBatch, Delivery, LineId, LineKey, LineRequest, Location, OrderId, ProductName, PutProduct, Quantity,
    Reference, Sku,
};

use super::entry::{BadRow, Entry, LineEntry, RowKey};
use super::error::FileError;
use super::kind::{Kind, MOST_COLUMNS};
use super::values::{count, date, instant, locations, priority, quantity, rest};

/// The column of each field of a record.
pub(super) struct Header {
    columns: Vec<usize>,
}

impl Header {
    /// Reads a header.
    pub(super) fn read<'a>(header: impl Iterator<Item = &'a [u8]>, kind: Kind) -> Result<Self, FileError> {
        let known_columns = kind.columns();
        let mut indexes = Vec::with_capacity(known_columns.len());
        for field in header {
            let given = String::from_utf8_lossy(field).trim().to_owned();
            let Some(index) = kind.index_of(&given) else {
                return Err(FileError::UnknownColumn {
                    given,
                    kind,
                    known: known(kind),
                });
            };
            if indexes.contains(&index) {
                return Err(FileError::ColumnTwice(given));
            }
            indexes.push(index);
        }
        let missing = known_columns
            .iter()
            .enumerate()
            .find(|(index, column)| !column.optional && !indexes.contains(index));
        match missing {
            Some((_, column)) => Err(FileError::MissingColumn {
                missing: column.name,
                kind,
                known: known(kind),
            }),
            None => Ok(Self { columns: indexes }),
        }
    }

    /// Reads an entry of this kind from the fields of a record.
    pub(super) fn entry<'a>(
        &self,
        kind: Kind,
        record: impl ExactSizeIterator<Item = &'a [u8]>,
    ) -> Result<Entry, BadRow> {
        let (given, named) = (record.len(), self.columns.len());
        let mut fields = Fields::default();
        let (mut first, mut is_text) = (None, true);
        for (position, field) in record.enumerate() {
            let text = std::str::from_utf8(field).ok();
            is_text &= text.is_some();
            let Some((index, text)) = self.columns.get(position).zip(text) else {
                continue;
            };
            if position == 0 {
                first = Some((*index, text));
            }
            fields[*index] = (!text.is_empty()).then_some(Cow::Borrowed(text));
        }
        let why = match (given == named, is_text) {
            (true, true) => return read(kind, &fields),
            (true, false) => "is not UTF-8".to_owned(),
            (false, _) => format!("has {given} fields, the header names {named}"),
        };
        // With a field too many or too few, only the first is surely that of its column.
        let order = match first {
            Some((0, text)) if kind == Kind::Orders => text.parse().ok(),
            _ => None,
        };
        Err(BadRow {
            order,
            ..BadRow::new(why)
        })
    }
}

fn known(kind: Kind) -> String {
    let names = kind.columns().iter().map(|column| match column.optional {
        true => format!("{} (optional)", column.name),
        false => column.name.to_owned(),
    });
    names.collect::<Vec<_>>().join(", ")
}

/// The fields of a row, by the index of their column. `None`: the field is empty or the column is missing.
type Fields<'a> = [Option<Cow<'a, str>>; MOST_COLUMNS];

/// Reads an entry from fields.
fn read(kind: Kind, fields: &Fields<'_>) -> Result<Entry, BadRow> {
    let mut row = Reading {
        kind,
        fields,
        order: None,
        key: None,
    };
    let read = match kind {
        Kind::Products => row.product().map(Entry::Product),
        Kind::Batches => row.batch().map(Entry::Batch),
        Kind::Orders => row.line().map(Entry::Line),
        Kind::Counts => row.reference().and_then(|reference| {
            let quantity = row.required(1, count)?;
            Ok(Entry::Count { reference, quantity })
        }),
        Kind::Receipts => row.reference().and_then(|reference| {
            let delivery = row.delivery()?;
            Ok(Entry::Receipt { reference, delivery })
        }),
        Kind::Changes => Err(BadRow::new("is not a JSON object")),
    };
    read.map_err(|bad| BadRow {
        order: row.order,
        key: row.key,
        ..bad
    })
}

/// A row that is being read.
struct Reading<'a> {
    kind: Kind,
    fields: &'a Fields<'a>,
    /// What is known of the row so far, for the report of one that is invalid.
    order: Option<OrderId>,
    key: Option<RowKey>,
}

impl Reading<'_> {
    fn product(&mut self) -> Result<PutProduct, BadRow> {
        let sku = self.required(0, str::parse::<Sku>)?;
        self.key = Some(RowKey::Product(sku.clone()));
        let put = PutProduct {
            sku,
            name: self.optional(1, |text| ProductName::new(text))?,
            safety_stock: self.optional(2, count)?,
        };
        match (&put.name, put.safety_stock) {
            (None, None) => Err(self.bad(1, "must not be empty where there is no safety_stock either")),
            _ => Ok(put),
        }
    }

    fn reference(&mut self) -> Result<Reference, BadRow> {
        let reference = self.required(0, str::parse::<Reference>)?;
        self.key = Some(RowKey::Batch(reference.clone()));
        Ok(reference)
    }

    fn delivery(&self) -> Result<Delivery, BadRow> {
        let counted = self.optional(1, count)?;
        let Some(rest) = self.optional(2, rest)?.flatten() else {
            return Ok(Delivery::Whole { counted });
        };
        let counted = counted.ok_or_else(|| self.bad(1, "must not be empty where a rest is expected"))?;
        let arrived = Quantity::new(counted.get());
        let arrived = arrived.map_err(|_zero| self.bad(1, "must be at least 1 where a rest is expected"))?;
        Ok(Delivery::Part { arrived, rest })
    }

    fn batch(&mut self) -> Result<CreateBatch, BadRow> {
        Ok(CreateBatch {
            reference: self.reference()?,
            sku: self.required(1, str::parse::<Sku>)?,
            quantity: self.required(2, quantity)?,
            eta: self.optional(3, |text| date(text, ", or empty for stock in the warehouse"))?,
            location: self.optional(4, str::parse::<Location>)?.unwrap_or_default(),
        })
    }

    fn line(&mut self) -> Result<LineEntry, BadRow> {
        let order = self.required(0, str::parse::<OrderId>)?;
        self.order = Some(order.clone());
        let sku = self.required(2, str::parse::<Sku>)?;
        let line = self
            .optional(1, str::parse::<LineId>)?
            .unwrap_or_else(|| LineId::from(&sku));
        let key = LineKey { order, line };
        self.key = Some(RowKey::Line(key.clone()));
        let quantity = self.required(3, quantity)?;
        // The position of a line in the order of service follows from the time at which it is placed here. The time of
        // ordering is only checked, so that a file with columns mixed up is not accepted.
        self.optional(4, instant)?;
        Ok(LineEntry {
            line: LineRequest { key, sku, quantity },
            priority: self.optional(5, priority)?,
            required_by: self.optional(6, |text| date(text, ""))?,
            locations: self.optional(7, locations)?.unwrap_or_default(),
        })
    }

    fn required<T, E: fmt::Display>(&self, column: usize, read: impl Fn(&str) -> Result<T, E>) -> Result<T, BadRow> {
        self.optional(column, read)?
            .ok_or_else(|| self.bad(column, "must not be empty"))
    }

    fn optional<T, E: fmt::Display>(
        &self,
        column: usize,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, BadRow> {
        let field = self.fields.get(column).and_then(Option::as_deref);
        field
            .map(|text| read(text).map_err(|error| self.bad(column, error)))
            .transpose()
    }

    fn bad(&self, column: usize, why: impl fmt::Display) -> BadRow {
        let name = self.kind.columns().get(column).map_or("row", |column| column.name);
        BadRow::new(format!("{name}: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use earmark_domain::{Count, Priority, Rest};

    use super::*;

    /// The entry with these fields; the others are empty.
    fn entry(kind: Kind, fields: &[&'static str]) -> Result<Entry, BadRow> {
        let mut all = Fields::default();
        for (place, field) in all.iter_mut().zip(fields) {
            *place = (!field.is_empty()).then_some(Cow::Borrowed(*field));
        }
        read(kind, &all)
    }

    fn why(kind: Kind, fields: &[&'static str]) -> String {
        entry(kind, fields).expect_err("an invalid row").why
    }

    fn line(fields: &[&'static str]) -> LineEntry {
        match entry(Kind::Orders, fields) {
            Ok(Entry::Line(line)) => line,
            other => unreachable!("a line, not {other:?}"),
        }
    }

    #[test]
    fn a_batch_without_a_date_is_in_the_warehouse_and_without_a_location_in_the_main_one() {
        let Ok(Entry::Batch(batch)) = entry(Kind::Batches, &["B-1", "LAMP", "10"]) else {
            unreachable!("a batch")
        };
        assert_eq!(batch.eta, None);
        assert_eq!(batch.location, Location::default());
    }

    #[test]
    fn the_id_of_a_line_without_one_is_its_sku() {
        assert_eq!(line(&["O-1", "", "LAMP", "10"]).line.key.line.as_str(), "LAMP");
    }

    #[test]
    fn a_line_may_have_terms_of_its_order_and_locations() {
        let plain = line(&["O-1", "", "LAMP", "10"]);
        assert_eq!((plain.priority, plain.required_by), (None, None));
        assert!(plain.locations.is_any());

        let urgent = line(&["O-1", "", "LAMP", "10", "", "-7", "2030-01-31", "north|far south"]);
        assert_eq!(urgent.priority.map(Priority::get), Some(-7));
        assert_eq!(urgent.required_by, Some(jiff::civil::date(2030, 1, 31)));
        let names: Vec<_> = urgent.locations.as_slice().iter().map(Location::as_str).collect();
        assert_eq!(names, ["north", "far south"]);
    }

    #[test]
    fn a_product_has_a_name_or_a_safety_stock_or_both() {
        let put = |fields: &[&'static str]| match entry(Kind::Products, fields) {
            Ok(Entry::Product(put)) => (put.name.is_some(), put.safety_stock.map(Count::get)),
            other => unreachable!("a product, not {other:?}"),
        };
        assert_eq!(put(&["LAMP", "Lamp"]), (true, None));
        assert_eq!(put(&["LAMP", "", "0"]), (false, Some(0)));
        assert_eq!(put(&["LAMP", "Lamp", "12"]), (true, Some(12)));
        assert_eq!(
            why(Kind::Products, &["LAMP"]),
            "name: must not be empty where there is no safety_stock either"
        );
    }

    #[test]
    fn an_invalid_term_of_an_order_is_reported_with_its_column() {
        let why = |priority, required_by, locations| {
            why(
                Kind::Orders,
                &["O-1", "", "LAMP", "1", "", priority, required_by, locations],
            )
        };
        let bounds = "priority: must be a whole number from -1000000 to 1000000, is ";
        assert_eq!(why("1000001", "", ""), format!("{bounds}1000001"));
        assert_eq!(why("high", "", ""), format!("{bounds}\"high\""));
        assert_eq!(
            why("", "soon", ""),
            "required_by: must be a date as in 2030-01-31, is \"soon\""
        );
        assert!(why("", "", "north|north").starts_with("locations: location north "));
        assert!(why("", "", "north|").starts_with("locations: \"\" must"));
        assert!(why("", "", "north | south").starts_with("locations: \"north \" must"));
    }

    #[test]
    fn an_invalid_field_is_reported_with_its_column() {
        assert_eq!(
            why(Kind::Products, &["LAMP", "", "-1"]),
            "safety_stock: must be a whole number from 0 to 1000000000, is -1"
        );
        assert_eq!(
            why(Kind::Batches, &["B-1", "LAMP", "0"]),
            "quantity: must be a whole number from 1 to 1000000000, is 0"
        );
        assert_eq!(
            why(Kind::Batches, &["B-1", "LAMP", "2.5"]),
            "quantity: must be a whole number from 1 to 1000000000, is \"2.5\""
        );
        assert!(why(Kind::Batches, &["B-1", "LAMP", "1", "31.1.2030"]).starts_with("eta: must be a date"));
        assert!(why(Kind::Batches, &["B-1", "LAMP", "1", "2030-02-30"]).starts_with("eta: must be a date"));
        assert!(why(Kind::Batches, &["B-1", "LAMP", "1", "2030-01-31T10:00"]).starts_with("eta: must be a date"));
        assert!(
            why(Kind::Orders, &["O-1", "", "LAMP", "1", "LAMP"]).starts_with("ordered_at: must be a date or a time")
        );
        assert_eq!(
            why(Kind::Products, &[" LAMP", "Lamp"]),
            "sku: must not begin or end with a space"
        );
    }

    #[test]
    fn the_time_of_ordering_may_be_a_day_a_local_time_or_an_instant() {
        for at in [
            "2030-01-31",
            "2030-01-31T10:00:00",
            "2030-01-31T10:00:00Z",
            "2030-01-31 10:00:00",
        ] {
            assert!(entry(Kind::Orders, &["O-1", "", "LAMP", "1", at]).is_ok(), "{at}");
        }
    }

    #[test]
    fn an_invalid_row_still_names_what_it_is_about() {
        let about = |kind, fields: &[&'static str]| {
            let bad = entry(kind, fields).expect_err("a bad row");
            (
                bad.order.map(|order| order.to_string()),
                bad.key.map(|key| key.to_string()),
            )
        };
        let (order, line) = (Some("O-1".to_owned()), Some("line O-1/LAMP".to_owned()));
        assert_eq!(about(Kind::Orders, &["O-1", "", "LAMP", "none"]), (order.clone(), line));
        assert_eq!(about(Kind::Orders, &["O-1", "", " ", "1"]), (order, None));
        assert_eq!(about(Kind::Orders, &["", "", "LAMP", "1"]), (None, None));
        assert_eq!(about(Kind::Batches, &["B-1"]), (None, Some("batch B-1".to_owned())));
    }

    #[test]
    fn a_record_with_a_field_too_few_still_names_its_order_if_that_comes_first() {
        let order = |header: &[&str], record: &[&str]| {
            let bytes = |fields: &[&str]| fields.iter().map(|field| field.as_bytes().to_vec()).collect::<Vec<_>>();
            let (header, record) = (bytes(header), bytes(record));
            let header = Header::read(header.iter().map(Vec::as_slice), Kind::Orders).expect("a header");
            let read = header.entry(Kind::Orders, record.iter().map(Vec::as_slice));
            read.expect_err("a bad row").order.map(|order| order.to_string())
        };
        assert_eq!(
            order(&["order_id", "sku", "quantity"], &["O-1", "LAMP"]),
            Some("O-1".to_owned())
        );
        assert_eq!(
            order(&["order_id", "sku", "quantity"], &["O-1", "LAMP", "1", "1"]),
            Some("O-1".to_owned())
        );
        assert_eq!(order(&["sku", "order_id", "quantity"], &["LAMP", "O-1"]), None);
    }

    #[test]
    fn a_count_has_a_quantity_and_a_receipt_may_have_one() {
        let reference = || Reference::new("B-1").expect("a name");
        let quantity = Count::new(0).expect("a count");
        let counted = Entry::Count {
            reference: reference(),
            quantity,
        };
        assert_eq!(entry(Kind::Counts, &["B-1", "0"]), Ok(counted));
        assert_eq!(why(Kind::Counts, &["B-1"]), "quantity: must not be empty");
        let received = |quantity| {
            Ok(Entry::Receipt {
                reference: reference(),
                delivery: Delivery::Whole { counted: quantity },
            })
        };
        assert_eq!(entry(Kind::Receipts, &["B-1", "0"]), received(Some(quantity)));
        assert_eq!(entry(Kind::Receipts, &["B-1"]), received(None));
        assert_eq!(entry(Kind::Receipts, &["B-1", "0", "close"]), received(Some(quantity)));
    }

    #[test]
    fn a_receipt_with_a_day_for_the_rest_is_that_of_a_part() {
        let part = Entry::Receipt {
            reference: Reference::new("B-1").expect("a name"),
            delivery: Delivery::Part {
                arrived: Quantity::new(6).expect("a quantity"),
                rest: Rest {
                    reference: None,
                    eta: Some(jiff::civil::date(2030, 1, 31)),
                },
            },
        };
        assert_eq!(entry(Kind::Receipts, &["B-1", "6", "2030-01-31"]), Ok(part));
        for (row, expected) in [
            (["B-1", "6", "later"], "rest: must be a date as in 2030-01-31"),
            (
                ["B-1", "0", "2030-01-31"],
                "quantity: must be at least 1 where a rest is expected",
            ),
            (
                ["B-1", "", "2030-01-31"],
                "quantity: must not be empty where a rest is expected",
            ),
        ] {
            let why = why(Kind::Receipts, &row);
            assert!(why.starts_with(expected), "{why}");
        }
    }

    #[test]
    fn dates_are_those_of_the_service() {
        for eta in ["0000-01-01", "2030-1-01", "+2030-01-1"] {
            assert!(
                why(Kind::Batches, &["B-1", "LAMP", "1", eta]).starts_with("eta: must be a date"),
                "{eta}"
            );
        }
    }
}
