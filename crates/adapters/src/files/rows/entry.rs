//! Entries: rows of text as domain types.

use std::borrow::Cow;
use std::fmt;

use earmark_domain::{
    CreateBatch, LineId, LineKey, LineRequest, Location, Locations, OrderId, Priority, ProductName, PutProduct,
    Reference, Sku,
};
use jiff::civil::Date;

use super::kind::{Kind, MOST_COLUMNS};
use super::values::{count, date, instant, locations, priority, quantity};

/// A valid row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A product, with its name or its safety stock.
    Product(PutProduct),
    /// A batch.
    Batch(CreateBatch),
    /// A line of an order.
    Line(LineEntry),
}

/// A line of an order, and the terms of the order in its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineEntry {
    /// The line.
    pub line: LineRequest,
    /// Where the units may come from.
    pub locations: Locations,
    /// The priority of the order, if the row has one.
    pub priority: Option<Priority>,
    /// The day that the order is required by, if the row has one.
    pub required_by: Option<Date>,
}

/// An invalid row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// What is wrong with it. Begins with the column, if it is one.
    pub why: String,
    /// The order that the row belongs to, if that can be read.
    pub order: Option<OrderId>,
}

impl BadRow {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            order: None,
        }
    }
}

/// The fields of a row, by the index of their column. `None`: the field is empty or the column is missing.
pub(super) type Fields<'a> = [Option<Cow<'a, str>>; MOST_COLUMNS];

impl Entry {
    /// Reads an entry from fields.
    pub(super) fn read(kind: Kind, fields: &Fields<'_>) -> Result<Self, BadRow> {
        let row = Reading { kind, fields };
        match kind {
            Kind::Products => Self::product(&row).map(Self::Product),
            Kind::Batches => Ok(Self::Batch(CreateBatch {
                reference: row.required(0, str::parse::<Reference>)?,
                sku: row.required(1, str::parse::<Sku>)?,
                quantity: row.required(2, quantity)?,
                eta: row.optional(3, |text| date(text, ", or empty for stock in the warehouse"))?,
                location: row.optional(4, str::parse::<Location>)?.unwrap_or_default(),
            })),
            Kind::Orders => {
                let order = row.required(0, str::parse::<OrderId>)?;
                Self::line(&row, order.clone()).map_err(|bad| BadRow {
                    order: Some(order),
                    ..bad
                })
            }
        }
    }

    fn product(row: &Reading<'_>) -> Result<PutProduct, BadRow> {
        let put = PutProduct {
            sku: row.required(0, str::parse::<Sku>)?,
            name: row.optional(1, |text| ProductName::new(text))?,
            safety_stock: row.optional(2, count)?,
        };
        match (&put.name, put.safety_stock) {
            (None, None) => Err(row.bad(1, "must not be empty where there is no safety_stock either")),
            _ => Ok(put),
        }
    }

    fn line(row: &Reading<'_>, order: OrderId) -> Result<Self, BadRow> {
        let sku = row.required(2, str::parse::<Sku>)?;
        let line = row
            .optional(1, str::parse::<LineId>)?
            .unwrap_or_else(|| LineId::from(&sku));
        let quantity = row.required(3, quantity)?;
        // The position of a line in the order of service follows from the time at which it is placed here. The time of
        // ordering is only checked, so that a file with columns mixed up is not accepted.
        row.optional(4, instant)?;
        Ok(Self::Line(LineEntry {
            line: LineRequest {
                key: LineKey { order, line },
                sku,
                quantity,
            },
            priority: row.optional(5, priority)?,
            required_by: row.optional(6, |text| date(text, ""))?,
            locations: row.optional(7, locations)?.unwrap_or_default(),
        }))
    }
}

struct Reading<'a> {
    kind: Kind,
    fields: &'a Fields<'a>,
}

impl Reading<'_> {
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
    use earmark_domain::Count;

    use super::*;

    /// The entry with these fields; the others are empty.
    fn read(kind: Kind, fields: &[&'static str]) -> Result<Entry, BadRow> {
        let mut all = Fields::default();
        for (place, field) in all.iter_mut().zip(fields) {
            *place = (!field.is_empty()).then_some(Cow::Borrowed(*field));
        }
        Entry::read(kind, &all)
    }

    fn why(kind: Kind, fields: &[&'static str]) -> String {
        read(kind, fields).expect_err("an invalid row").why
    }

    fn line(fields: &[&'static str]) -> LineEntry {
        match read(Kind::Orders, fields) {
            Ok(Entry::Line(line)) => line,
            other => unreachable!("a line, not {other:?}"),
        }
    }

    #[test]
    fn a_batch_without_a_date_is_in_the_warehouse_and_without_a_location_in_the_main_one() {
        let Ok(Entry::Batch(batch)) = read(Kind::Batches, &["B-1", "LAMP", "10"]) else {
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
        let put = |fields: &[&'static str]| match read(Kind::Products, fields) {
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
            assert!(read(Kind::Orders, &["O-1", "", "LAMP", "1", at]).is_ok(), "{at}");
        }
    }

    #[test]
    fn an_invalid_line_still_names_its_order() {
        let bad = read(Kind::Orders, &["O-1", "", "LAMP", "none"]).expect_err("a bad row");
        assert_eq!(bad.order.as_ref().map(OrderId::as_str), Some("O-1"));
    }
}
