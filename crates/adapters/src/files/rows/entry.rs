//! Entries: rows of text as the domain's own types.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use earmark_domain::{
    Count, CreateBatch, LineId, LineKey, LineRequest, Location, Locations, MAX_QUANTITY, OrderId, Priority,
    ProductName, PutProduct, Quantity, Reference, Sku,
};
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};

/// What the rows of a file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Products with their names, and how much of them is kept back: `sku,name[,safety_stock]`.
    Products,
    /// Batches: `reference,sku,quantity,eta[,location]`.
    Batches,
    /// Order lines: `order_id[,line_id],sku,quantity[,ordered_at][,priority][,required_by][,locations]`.
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
pub(super) const MOST_COLUMNS: usize = 8;

/// What stands between locations, the preferred one first.
pub(super) const BETWEEN_LOCATIONS: char = '|';

impl Kind {
    /// The columns, in the order that [`Entry::read`] takes their fields in.
    pub(super) const fn columns(self) -> &'static [Column] {
        const PRODUCTS: [Column; 3] = [needed("sku"), needed("name"), optional("safety_stock")];
        const BATCHES: [Column; 5] = [
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
            optional("priority"),
            optional("required_by"),
            optional("locations"),
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
            Self::Products => "sku,name,safety_stock",
            Self::Batches => "reference,sku,quantity,eta,location",
            Self::Orders => "order_id,line_id,sku,quantity,ordered_at,priority,required_by,locations",
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
    /// A product, with what people call it or how much of it is kept back.
    Product(PutProduct),
    /// A batch.
    Batch(CreateBatch),
    /// A line of an order.
    Line(LineEntry),
}

/// A line of an order, with what its row says of the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineEntry {
    /// What is wanted.
    pub line: LineRequest,
    /// Where the units may come from.
    pub locations: Locations,
    /// How important the order is, if the row says.
    pub priority: Option<Priority>,
    /// The day that the order is required by, if the row says.
    pub required_by: Option<Date>,
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
            Kind::Products => Self::product(&row).map(Self::Product),
            Kind::Batches => Ok(Self::Batch(CreateBatch {
                reference: row.needed(0, str::parse::<Reference>)?,
                sku: row.needed(1, str::parse::<Sku>)?,
                quantity: row.needed(2, quantity)?,
                eta: row.optional(3, |text| date(text, ", or empty for stock in the warehouse"))?,
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

    fn product(row: &Reading<'_>) -> Result<PutProduct, BadRow> {
        let put = PutProduct {
            sku: row.needed(0, str::parse::<Sku>)?,
            name: row.optional(1, |text| ProductName::new(text))?,
            safety_stock: row.optional(2, count)?,
        };
        match (&put.name, put.safety_stock) {
            (None, None) => Err(row.bad(1, "must not be empty where there is no safety_stock either")),
            _ => Ok(put),
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

/// A whole number; `None` for what is none. `parse` would take a leading plus sign, which no shop means.
fn whole_number(text: &str) -> Option<i128> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    plain.then(|| i128::from_str(text).ok()).flatten()
}

fn quantity(text: &str) -> Result<Quantity, String> {
    let number =
        whole_number(text).ok_or_else(|| format!("must be a whole number from 1 to {MAX_QUANTITY}, is {text:?}"))?;
    Quantity::new(number).map_err(|error| error.to_string())
}

fn count(text: &str) -> Result<Count, String> {
    let number =
        whole_number(text).ok_or_else(|| format!("must be a whole number from 0 to {MAX_QUANTITY}, is {text:?}"))?;
    Count::new(number).map_err(|error| error.to_string())
}

fn priority(text: &str) -> Result<Priority, String> {
    let most = Priority::MOST;
    let number =
        whole_number(text).ok_or_else(|| format!("must be a whole number from -{most} to {most}, is {text:?}"))?;
    Priority::new(number).map_err(|error| error.to_string())
}

fn locations(text: &str) -> Result<Locations, String> {
    let names = text.split(BETWEEN_LOCATIONS).map(|name| {
        name.parse::<Location>()
            .map_err(|error| format!("{name:?} {error}; several are separated by {BETWEEN_LOCATIONS}"))
    });
    Locations::new(names.collect::<Result<_, _>>()?).map_err(|error| error.to_string())
}

/// A date. `or`: what else may stand there.
fn date(text: &str, or: &str) -> Result<Date, String> {
    // The strict form alone: the parser would take times of day too, and a day is meant.
    let well_formed = text.len() == "2030-01-31".len();
    well_formed
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| format!("must be a date as in 2030-01-31{or}, is {text:?}"))
}

fn instant(text: &str) -> Result<(), String> {
    let read = text.parse::<Timestamp>().is_ok() || text.parse::<DateTime>().is_ok();
    read.then_some(())
        .ok_or_else(|| format!("must be a date or a time as in 2030-01-31T12:00:00, is {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The entry of these fields; those that are not given are empty.
    fn read(kind: Kind, fields: &[&'static str]) -> Result<Entry, BadRow> {
        let mut all = Fields::default();
        for (place, field) in all.iter_mut().zip(fields) {
            *place = (!field.is_empty()).then_some(Cow::Borrowed(*field));
        }
        Entry::read(kind, &all)
    }

    fn why(kind: Kind, fields: &[&'static str]) -> String {
        read(kind, fields).expect_err("a row that makes no sense").why
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
    fn a_line_without_an_id_is_known_by_its_sku() {
        assert_eq!(line(&["O-1", "", "LAMP", "10"]).wish.key.line.as_str(), "LAMP");
    }

    #[test]
    fn a_line_may_say_what_is_wanted_of_its_order_and_where_its_units_come_from() {
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
    fn what_an_order_may_not_ask_for_is_told_with_its_column() {
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
        assert_eq!(why("", "", "north|north"), "locations: location north stands twice");
        assert!(why("", "", "north|").starts_with("locations: \"\" must"));
        assert!(why("", "", "north | south").starts_with("locations: \"north \" must"));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_column() {
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
    fn a_bad_line_still_names_its_order() {
        let bad = read(Kind::Orders, &["O-1", "", "LAMP", "none"]).expect_err("a bad row");
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
