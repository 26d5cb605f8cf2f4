//! Entries: rows of text as the domain's own types.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use earmark_domain::{CreateBatch, LineId, LineKey, Location, OrderId, ProductName, Quantity, Reference, Sku, Wish};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Products with their names: `sku,name`.
    Products,
    /// Batches: `reference,sku,quantity,eta[,location]`.
    Batches,
    /// Order lines: `order_id[,line_id],sku,quantity[,ordered_at]`.
    Orders,
}

/// A column that rows of a kind may have.
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Whether a header may leave it out.
    pub(super) optional: bool,
}

const fn needed(name: &'static str) -> Column {
    Column { name, optional: false }
}

const fn optional(name: &'static str) -> Column {
    Column { name, optional: true }
}

/// The most columns that a kind has.
pub(super) const MOST_COLUMNS: usize = 5;

impl Kind {
    /// The columns, in the order that [`Entry::read`] takes their fields in.
    pub(super) const fn columns(self) -> &'static [Column] {
        const PRODUCTS: [Column; 2] = [needed("sku"), needed("name")];
        const BATCHES: [Column; MOST_COLUMNS] = [
            needed("reference"),
            needed("sku"),
            needed("quantity"),
            needed("eta"),
            optional("location"),
        ];
        const ORDERS: [Column; MOST_COLUMNS] = [
            needed("order_id"),
            optional("line_id"),
            needed("sku"),
            needed("quantity"),
            optional("ordered_at"),
        ];
        match self {
            Self::Products => &PRODUCTS,
            Self::Batches => &BATCHES,
            Self::Orders => &ORDERS,
        }
    }

    /// A header with all of the columns.
    pub(super) const fn header(self) -> &'static str {
        match self {
            Self::Products => "sku,name",
            Self::Batches => "reference,sku,quantity,eta,location",
            Self::Orders => "order_id,line_id,sku,quantity,ordered_at",
        }
    }

    /// The place of a column among [`Kind::columns`].
    pub(super) fn place_of(self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Products => "products",
            Self::Batches => "batches",
            Self::Orders => "orders",
        })
    }
}

/// A row that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A product and what people call it.
    Product {
        /// Which product.
        sku: Sku,
        /// Its name.
        name: ProductName,
    },
    /// A batch.
    Batch(CreateBatch),
    /// A line of an order.
    Line(Wish),
}

/// A row that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRow {
    /// What is wrong with it, beginning with the column where it is one.
    pub why: String,
    /// The order that the row belongs to, as far as that can be read.
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

/// The fields of one row, by the place of their column. An empty field is `None`: so is a column left out.
pub(super) type Fields<'a> = [Option<Cow<'a, str>>; MOST_COLUMNS];

impl Entry {
    /// Makes an entry of fields.
    pub(super) fn read(kind: Kind, fields: &Fields<'_>) -> Result<Self, BadRow> {
        let row = Reading { kind, fields };
        match kind {
            Kind::Products => Ok(Self::Product {
                sku: row.needed(0, str::parse::<Sku>)?,
                name: row.needed(1, |text| ProductName::new(text))?,
            }),
            Kind::Batches => Ok(Self::Batch(CreateBatch {
                reference: row.needed(0, str::parse::<Reference>)?,
                sku: row.needed(1, str::parse::<Sku>)?,
                quantity: row.needed(2, quantity)?,
                eta: row.optional(3, date)?,
                location: row.optional(4, str::parse::<Location>)?.unwrap_or_default(),
            })),
            Kind::Orders => {
                let order = row.needed(0, str::parse::<OrderId>)?;
                Self::line(&row, order.clone()).map_err(|bad| BadRow {
                    order: Some(order),
                    ..bad
                })
            }
        }
    }

    fn line(row: &Reading<'_>, order: OrderId) -> Result<Self, BadRow> {
        let sku = row.needed(2, str::parse::<Sku>)?;
        let line = row
            .optional(1, str::parse::<LineId>)?
            .unwrap_or_else(|| LineId::from(&sku));
        let quantity = row.needed(3, quantity)?;
        // A line's place in the order of service is the time at which it is placed here; the time at which the
        // customer spoke is only checked, so that a file with its columns mixed up does not pass.
        row.optional(4, instant)?;
        Ok(Self::Line(Wish {
            key: LineKey { order, line },
            sku,
            quantity,
        }))
    }
}

struct Reading<'a> {
    kind: Kind,
    fields: &'a Fields<'a>,
}

impl Reading<'_> {
    fn needed<T, E: fmt::Display>(&self, place: usize, read: impl Fn(&str) -> Result<T, E>) -> Result<T, BadRow> {
        self.optional(place, read)?
            .ok_or_else(|| self.bad(place, "must not be empty"))
    }

    fn optional<T, E: fmt::Display>(
        &self,
        place: usize,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, BadRow> {
        let field = self.fields.get(place).and_then(Option::as_deref);
        field
            .map(|text| read(text).map_err(|error| self.bad(place, error)))
            .transpose()
    }

    fn bad(&self, place: usize, why: impl fmt::Display) -> BadRow {
        let column = self.kind.columns().get(place).map_or("row", |column| column.name);
        BadRow::new(format!("{column}: {why}"))
    }
}

fn quantity(text: &str) -> Result<Quantity, String> {
    // `parse` would take a leading plus sign, which no shop means.
    let number = text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-')
        .then(|| i128::from_str(text).ok());
    match number.flatten() {
        Some(number) => Quantity::new(number).map_err(|error| error.to_string()),
        None => Err(format!(
            "must be a whole number from 1 to {}, is {text:?}",
            earmark_domain::MAX_QUANTITY
        )),
    }
}

fn date(text: &str) -> Result<Date, String> {
    // The strict form alone: the parser would take times of day too, and an ETA is a date.
    let well_formed = text.len() == "2030-01-31".len();
    well_formed
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| format!("must be a date as in 2030-01-31, or empty for stock in the warehouse, is {text:?}"))
}

fn instant(text: &str) -> Result<(), String> {
    let read = text.parse::<Timestamp>().is_ok() || text.parse::<DateTime>().is_ok();
    read.then_some(())
        .ok_or_else(|| format!("must be a date or a time as in 2030-01-31T12:00:00, is {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, fields: [&'static str; MOST_COLUMNS]) -> Result<Entry, BadRow> {
        Entry::read(
            kind,
            &fields.map(|field| (!field.is_empty()).then_some(Cow::Borrowed(field))),
        )
    }

    fn why(kind: Kind, fields: [&'static str; MOST_COLUMNS]) -> String {
        read(kind, fields).expect_err("a row that makes no sense").why
    }

    #[test]
    fn a_batch_without_a_date_is_in_the_warehouse_and_without_a_location_in_the_main_one() {
        let Ok(Entry::Batch(batch)) = read(Kind::Batches, ["B-1", "LAMP", "10", "", ""]) else {
            unreachable!("a batch")
        };
        assert_eq!(batch.eta, None);
        assert_eq!(batch.location, Location::default());
    }

    #[test]
    fn a_line_without_an_id_is_known_by_its_sku() {
        let Ok(Entry::Line(wish)) = read(Kind::Orders, ["O-1", "", "LAMP", "10", ""]) else {
            unreachable!("a line")
        };
        assert_eq!(wish.key.line.as_str(), "LAMP");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_column() {
        assert_eq!(why(Kind::Products, ["LAMP", "", "", "", ""]), "name: must not be empty");
        assert_eq!(
            why(Kind::Batches, ["B-1", "LAMP", "0", "", ""]),
            "quantity: must be a whole number from 1 to 1000000000, is 0"
        );
        assert_eq!(
            why(Kind::Batches, ["B-1", "LAMP", "2.5", "", ""]),
            "quantity: must be a whole number from 1 to 1000000000, is \"2.5\""
        );
        assert!(why(Kind::Batches, ["B-1", "LAMP", "1", "31.1.2030", ""]).starts_with("eta: must be a date"));
        assert!(why(Kind::Batches, ["B-1", "LAMP", "1", "2030-02-30", ""]).starts_with("eta: must be a date"));
        assert!(why(Kind::Batches, ["B-1", "LAMP", "1", "2030-01-31T10:00", ""]).starts_with("eta: must be a date"));
        assert!(
            why(Kind::Orders, ["O-1", "", "LAMP", "1", "LAMP"]).starts_with("ordered_at: must be a date or a time")
        );
        assert_eq!(
            why(Kind::Products, [" LAMP", "Lamp", "", "", ""]),
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
            assert!(read(Kind::Orders, ["O-1", "", "LAMP", "1", at]).is_ok(), "{at}");
        }
    }

    #[test]
    fn a_bad_line_still_names_its_order() {
        let bad = read(Kind::Orders, ["O-1", "", "LAMP", "none", ""]).expect_err("a bad row");
        assert_eq!(bad.order.as_ref().map(OrderId::as_str), Some("O-1"));
    }

    #[test]
    fn the_header_that_is_suggested_has_all_of_the_columns() {
        for kind in [Kind::Products, Kind::Batches, Kind::Orders] {
            let names: Vec<_> = kind.columns().iter().map(|column| column.name).collect();
            assert_eq!(kind.header(), names.join(","));
        }
    }
}
