//! Values of a row as the domain's values, whatever the database. Each goes through the domain's own constructor, and a
//! value that can't be true is reported with its table and key.

use std::fmt::Display;

use earmark_application::StoreError;
use earmark_domain::{
    ExpiryStep, LineId, LineKey, Location, Locations, OrderId, Precedence, Reference, ReleaseRank, Sku, Subject, Units,
};

use crate::sql::rank;
use crate::wire;

/// The row that values are read from, to name it in errors.
pub(crate) struct RowContext<'a> {
    pub(crate) table: &'static str,
    pub(crate) key: &'a dyn Display,
}

impl RowContext<'_> {
    /// The error of a value that can't be true.
    pub(crate) fn corrupt(&self, why: impl Display) -> StoreError {
        StoreError::Corrupt(format!("{} {:?}: {why}", self.table, self.key.to_string()))
    }

    /// The result of a value's constructor, with the row named in an error.
    pub(crate) fn read<T, E: Display>(&self, column: &str, value: Result<T, E>) -> Result<T, StoreError> {
        value.map_err(|why| self.corrupt(format_args!("{column} {why}")))
    }

    pub(crate) fn units(&self, column: &str, units: i64) -> Result<Units, StoreError> {
        self.read(column, u64::try_from(units)).map(Units::new)
    }

    /// The versions before and after holds ended: both or neither.
    pub(crate) fn expiry_step(&self, from: Option<i64>, to: Option<i64>) -> Result<Option<ExpiryStep>, StoreError> {
        let step = from.zip(to).map(|(from, to)| {
            Ok(ExpiryStep {
                before: self.read("expired_from", u64::try_from(from))?,
                after: self.read("expired_to", u64::try_from(to))?,
            })
        });
        step.transpose()
    }

    pub(crate) fn precedence(&self, column: &str, rank: i64) -> Result<Precedence, StoreError> {
        rank::precedence(rank).ok_or_else(|| self.corrupt(format_args!("{column} {rank} is none")))
    }

    pub(crate) fn release_rank(&self, column: &str, value: i64) -> Result<ReleaseRank, StoreError> {
        rank::release_rank_of(value).ok_or_else(|| self.corrupt(format_args!("{column} {value} is none")))
    }

    pub(crate) fn locations(&self, names: Vec<String>) -> Result<Locations, StoreError> {
        let locations = names
            .into_iter()
            .map(|name| self.read("locations", Location::new(name)))
            .collect::<Result<_, _>>()?;
        self.read("locations", Locations::new(locations))
    }

    pub(crate) fn line_key(&self, order: &str, line: &str) -> Result<LineKey, StoreError> {
        Ok(LineKey {
            order: self.read("order_id", OrderId::new(order))?,
            line: self.read("line_id", LineId::new(line))?,
        })
    }

    /// The order that an event concerns. An event that is found through its line has it in the data alone.
    pub(crate) fn order(&self, order: Option<String>, kind: &str, data: &str) -> Result<Option<OrderId>, StoreError> {
        let order = match order {
            None if kind == "Allocated" => Some(self.read("data", wire::allocated_order(data))?),
            order => order,
        };
        order
            .map(|order| self.read("order_id", OrderId::new(order)))
            .transpose()
    }

    /// What an event is about.
    pub(crate) fn subject(
        &self,
        sku: Option<String>,
        version: Option<i64>,
        order: Option<&OrderId>,
    ) -> Result<Subject, StoreError> {
        match (sku, version, order) {
            (Some(sku), Some(version), _) => Ok(Subject::Product {
                sku: self.read("sku", Sku::new(sku))?,
                version: self.read("version", u64::try_from(version))?,
            }),
            (None, None, Some(order)) => Ok(Subject::Order(order.clone())),
            _ => Err(self.corrupt("is neither of a product nor of an order")),
        }
    }
}

/// The order id of a line.
pub(crate) fn order_id(id: &str) -> Result<OrderId, StoreError> {
    let at = RowContext {
        table: "lines",
        key: &id,
    };
    at.read("order_id", OrderId::new(id))
}

/// A product's SKU.
pub(crate) fn sku(sku: &str) -> Result<Sku, StoreError> {
    let at = RowContext {
        table: "products",
        key: &sku,
    };
    at.read("sku", Sku::new(sku))
}

/// A sum of a product's units that the database has made.
pub(crate) fn units(sku: &Sku, column: &str, sum: i64) -> Result<Units, StoreError> {
    let at = RowContext {
        table: "products",
        key: sku,
    };
    at.units(column, sum)
}

/// Units of a product in a batch whose hold has ended: a sum that the database has made.
pub(crate) fn ended((sku, batch, sum): (String, String, i64)) -> Result<(Sku, Reference, Units), StoreError> {
    let at = RowContext {
        table: "allocations",
        key: &batch,
    };
    Ok((
        at.read("sku", Sku::new(sku))?,
        at.read("batch", Reference::new(&batch))?,
        at.units("quantity", sum)?,
    ))
}

/// A counter that grows by ones, such as a version or a sequence, as it is stored.
pub(crate) fn counter(count: u64) -> i64 {
    i64::try_from(count).expect("no counter that grows by ones reaches 2^63")
}
