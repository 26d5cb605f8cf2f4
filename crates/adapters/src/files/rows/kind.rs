//! The kinds of rows, with their columns.

use std::fmt;

/// The kind of the rows of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Products with their names and safety stock: `sku,name[,safety_stock]`.
    Products,
    /// Batches: `reference,sku,quantity,eta[,location]`.
    Batches,
    /// Order lines: `order_id[,line_id],sku,quantity[,ordered_at][,priority][,required_by][,locations]`.
    Orders,
    /// Counts of batches: `reference,quantity`.
    Counts,
    /// Receipts of batches: `reference[,quantity][,rest]`.
    Receipts,
    /// Commands, as in the lines of the bulk call. JSON objects only.
    Changes,
}

/// A column of a kind.
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Whether a header may leave it out.
    pub(super) optional: bool,
}

const fn required(name: &'static str) -> Column {
    Column { name, optional: false }
}

const fn optional(name: &'static str) -> Column {
    Column { name, optional: true }
}

/// The most columns of a kind.
pub(super) const MOST_COLUMNS: usize = 8;

impl Kind {
    /// The columns, in the order of the fields of an entry. Commands have none.
    pub(super) const fn columns(self) -> &'static [Column] {
        const PRODUCTS: [Column; 3] = [required("sku"), required("name"), optional("safety_stock")];
        const BATCHES: [Column; 5] = [
            required("reference"),
            required("sku"),
            required("quantity"),
            required("eta"),
            optional("location"),
        ];
        const ORDERS: [Column; MOST_COLUMNS] = [
            required("order_id"),
            optional("line_id"),
            required("sku"),
            required("quantity"),
            optional("ordered_at"),
            optional("priority"),
            optional("required_by"),
            optional("locations"),
        ];
        const COUNTS: [Column; 2] = [required("reference"), required("quantity")];
        const RECEIPTS: [Column; 3] = [required("reference"), optional("quantity"), optional("rest")];
        match self {
            Self::Products => &PRODUCTS,
            Self::Batches => &BATCHES,
            Self::Orders => &ORDERS,
            Self::Counts => &COUNTS,
            Self::Receipts => &RECEIPTS,
            Self::Changes => &[],
        }
    }

    /// A header with all columns.
    pub(super) const fn header(self) -> &'static str {
        match self {
            Self::Products => "sku,name,safety_stock",
            Self::Batches => "reference,sku,quantity,eta,location",
            Self::Orders => "order_id,line_id,sku,quantity,ordered_at,priority,required_by,locations",
            Self::Counts => "reference,quantity",
            Self::Receipts => "reference,quantity,rest",
            Self::Changes => "",
        }
    }

    /// The index of a column in [`Kind::columns`].
    pub(super) fn index_of(self, name: &str) -> Option<usize> {
        self.columns().iter().position(|column| column.name == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Products => "products",
            Self::Batches => "batches",
            Self::Orders => "orders",
            Self::Counts => "counts",
            Self::Receipts => "receipts",
            Self::Changes => "changes",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_all_columns() {
        for kind in [
            Kind::Products,
            Kind::Batches,
            Kind::Orders,
            Kind::Counts,
            Kind::Receipts,
            Kind::Changes,
        ] {
            let names: Vec<_> = kind.columns().iter().map(|column| column.name).collect();
            assert_eq!(kind.header(), names.join(","));
        }
    }
}
