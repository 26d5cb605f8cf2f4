//! Tables of what the service answers. Nothing is cut: a name too long for its column is broken over lines.
//!
//! Whoever reads an answer has made its texts such that they may be shown.

use std::fmt::Display;

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ColumnConstraint, ContentArrangement, Table};

use super::models::{AvailableOn, Batch, Effects, Line, Order, Part, Product};

/// What a column has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Names, which may be long: they give way where there is too little room.
    Names,
    /// Words of the service and dates: short, and as wide as they are.
    Words,
    /// Numbers, one below the other.
    Numbers,
}

/// Columns, each with its name.
type Columns = [(&'static str, Kind)];

const BATCHES: &Columns = &[
    ("BATCH", Kind::Names),
    ("SKU", Kind::Names),
    ("LOCATION", Kind::Names),
    ("UNITS", Kind::Numbers),
    ("ALLOCATED", Kind::Numbers),
    ("LEFT", Kind::Numbers),
    ("FREE", Kind::Numbers),
    ("STATUS", Kind::Words),
];

/// The same, where all are of one product.
const BATCHES_OF_PRODUCT: &Columns = &[
    ("BATCH", Kind::Names),
    ("LOCATION", Kind::Names),
    ("UNITS", Kind::Numbers),
    ("ALLOCATED", Kind::Numbers),
    ("LEFT", Kind::Numbers),
    ("FREE", Kind::Numbers),
    ("STATUS", Kind::Words),
];

const ORDERS: &Columns = &[
    ("ORDER", Kind::Names),
    ("STATUS", Kind::Words),
    ("LINES", Kind::Numbers),
    ("WAITING", Kind::Numbers),
    ("AT RISK", Kind::Numbers),
    ("REQUIRED BY", Kind::Words),
    ("PROMISED", Kind::Words),
];

const LINES: &Columns = &[
    ("LINE", Kind::Names),
    ("SKU", Kind::Names),
    ("UNITS", Kind::Numbers),
    ("STATUS", Kind::Words),
    ("WHERE", Kind::Names),
    ("PROMISED", Kind::Words),
];

const WAITING: &Columns = &[
    ("ORDER", Kind::Names),
    ("LINE", Kind::Names),
    ("UNITS", Kind::Numbers),
    ("WHERE", Kind::Names),
    ("PROMISED", Kind::Words),
];

const MOVED: &Columns = &[
    ("ORDER", Kind::Names),
    ("LINE", Kind::Names),
    ("FROM", Kind::Names),
    ("TO", Kind::Names),
    ("PROMISED", Kind::Words),
];

const DATES: &Columns = &[("ORDER", Kind::Names), ("LINE", Kind::Names), ("PROMISED", Kind::Words)];

const PRODUCTS: &Columns = &[
    ("SKU", Kind::Names),
    ("NAME", Kind::Names),
    ("ON HAND", Kind::Numbers),
    ("INBOUND", Kind::Numbers),
    ("ALLOCATED", Kind::Numbers),
    ("FREE", Kind::Numbers),
    ("WAITING", Kind::Numbers),
];

const AVAILABLE: &Columns = &[("FROM", Kind::Words), ("CAN LEAVE", Kind::Numbers)];

/// A table with these rows, as wide as the screen at most.
fn table(columns: &Columns, rows: impl IntoIterator<Item = Vec<String>>, width: Option<u16>) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(columns.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for row in rows {
        table.add_row(row);
    }
    for (column, (_, kind)) in table.column_iter_mut().zip(columns) {
        column.set_padding((0, 2));
        column.set_cell_alignment(match kind {
            Kind::Names | Kind::Words => CellAlignment::Left,
            Kind::Numbers => CellAlignment::Right,
        });
        if *kind != Kind::Names {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
    if let Some(width) = width {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
    }
    table.trim_fmt()
}

/// Units and where they are.
fn parts(parts: &[Part], word: &str) -> String {
    let each = parts
        .iter()
        .map(|Part { batch, quantity }| format!("{quantity} {word} {batch}"));
    each.collect::<Vec<_>>().join(", ")
}

/// Where the units of a line are, and where they were.
pub(super) fn places(line: &Line) -> String {
    let (there, gone) = (parts(&line.allocations, "in"), parts(&line.dispatches, "left"));
    match (there.is_empty(), gone.is_empty()) {
        (false, false) => format!("{there}; {gone}"),
        _ => there + &gone,
    }
}

/// A word of the service, for people.
pub(super) fn word(word: &str) -> String {
    word.replace('_', " ")
}

/// A value that may change, as it was and as it is.
pub(super) fn turned<T: PartialEq + Display>(before: &T, after: &T) -> String {
    if before == after {
        return after.to_string();
    }
    format!("{before} → {after}")
}

/// The status of a batch, and when it arrives.
fn status(batch: &Batch) -> String {
    let status = word(&batch.status);
    match batch.eta.as_ref().filter(|_| batch.status != "closed") {
        Some(eta) => format!("{status} {eta}"),
        None => status,
    }
}

/// What a line is promised for.
fn promise(line: &Line) -> String {
    let mut promise = line.promised_on.clone().unwrap_or_else(|| "–".to_owned());
    if let Some(first) = line.first_promised_on.as_ref().filter(|first| **first != promise) {
        promise.push_str(&format!(" (first {first})"));
    }
    if line.at_risk {
        promise.push_str(" at risk");
    }
    promise
}

pub(super) fn batches(batches: &[Batch], width: Option<u16>) -> String {
    let row = |batch: &Batch| {
        let mut row = batch_of_product(batch);
        row.insert(1, batch.sku.clone());
        row
    };
    table(BATCHES, batches.iter().map(row), width)
}

/// Batches that are all of one product.
pub(super) fn batches_of_product(batches: &[Batch], width: Option<u16>) -> String {
    table(BATCHES_OF_PRODUCT, batches.iter().map(batch_of_product), width)
}

fn batch_of_product(batch: &Batch) -> Vec<String> {
    vec![
        batch.reference.clone(),
        batch.location.clone(),
        batch.quantity.to_string(),
        batch.allocated.to_string(),
        batch.dispatched.to_string(),
        batch.available.to_string(),
        status(batch),
    ]
}

pub(super) fn products(products: &[Product], width: Option<u16>) -> String {
    let row = |product: &Product| {
        vec![
            product.sku.clone(),
            product.name.clone().unwrap_or_default(),
            product.on_hand.to_string(),
            product.inbound.to_string(),
            product.allocated.to_string(),
            product.available.to_string(),
            product.backordered.to_string(),
        ]
    };
    table(PRODUCTS, products.iter().map(row), width)
}

pub(super) fn orders(orders: &[Order], width: Option<u16>) -> String {
    let row = |order: &Order| {
        let count = |is: fn(&Line) -> bool| order.lines.iter().filter(|line| is(line)).count().to_string();
        let promised = order.lines.iter().filter_map(|line| line.promised_on.as_ref()).max();
        vec![
            order.order_id.clone(),
            word(&order.status),
            order.lines.len().to_string(),
            count(|line| line.status == "backordered"),
            count(|line| line.at_risk),
            order.required_by.clone().unwrap_or_default(),
            promised.cloned().unwrap_or_default(),
        ]
    };
    table(ORDERS, orders.iter().map(row), width)
}

pub(super) fn lines(lines: &[Line], width: Option<u16>) -> String {
    let row = |line: &Line| {
        vec![
            line.line_id.clone(),
            line.sku.clone(),
            line.quantity.to_string(),
            word(&line.status),
            places(line),
            promise(line),
        ]
    };
    table(LINES, lines.iter().map(row), width)
}

/// Lines before a change and after it.
pub(super) fn changed_lines(changes: &[(&Line, &Line)], width: Option<u16>) -> String {
    let row = |(before, after): &(&Line, &Line)| {
        vec![
            after.line_id.clone(),
            after.sku.clone(),
            turned(&before.quantity, &after.quantity),
            turned(&word(&before.status), &word(&after.status)),
            turned(&dash(places(before)), &dash(places(after))),
            turned(&day(before), &day(after)),
        ]
    };
    table(LINES, changes.iter().map(row), width)
}

fn day(line: &Line) -> String {
    dash(line.promised_on.clone().unwrap_or_default())
}

fn dash(text: String) -> String {
    if text.is_empty() { "–".to_owned() } else { text }
}

/// Lines of several orders.
pub(super) fn lines_of_orders(lines: &[Line], width: Option<u16>) -> String {
    let row = |line: &Line| {
        vec![
            line.order_id.clone(),
            line.line_id.clone(),
            line.quantity.to_string(),
            places(line),
            promise(line),
        ]
    };
    table(WAITING, lines.iter().map(row), width)
}

pub(super) fn timeline(days: &[AvailableOn], width: Option<u16>) -> String {
    let row = |day: &AvailableOn| vec![day.on.clone(), day.available.to_string()];
    table(AVAILABLE, days.iter().map(row), width)
}

/// What a change does to lines, with a heading each; nothing if it does nothing.
pub(super) fn effects(effects: &Effects, width: Option<u16>) -> String {
    let mut text = String::new();
    let mut section = |heading: &str, is_empty: bool, table: String| {
        if !is_empty {
            text.push_str(&format!("\n{heading}:\n{table}\n"));
        }
    };
    let moved = effects.reallocated.iter().map(|moved| {
        vec![
            moved.order_id.clone(),
            moved.line_id.clone(),
            parts(&moved.from, "in"),
            parts(&moved.to, "in"),
            turned(&moved.promised_from, &moved.promised_to),
        ]
    });
    section(
        "To other stock",
        effects.reallocated.is_empty(),
        table(MOVED, moved, width),
    );
    let backordered = lines_of_orders(&effects.backordered, width);
    section(
        "Left without stock, to wait",
        effects.backordered.is_empty(),
        backordered,
    );
    let allocated = lines_of_orders(&effects.allocated, width);
    section("From the backlog to stock", effects.allocated.is_empty(), allocated);
    let dates = effects.promise_changed.iter().map(|moved| {
        vec![
            moved.order_id.clone(),
            moved.line_id.clone(),
            turned(&moved.from, &moved.to),
        ]
    });
    section(
        "Told another date",
        effects.promise_changed.is_empty(),
        table(DATES, dates, width),
    );
    if effects.continues {
        text.push_str("\nMore lines are affected than these: the service goes on with them.\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(reference: &str) -> Batch {
        Batch {
            reference: reference.to_owned(),
            sku: "LAMP".to_owned(),
            location: "main".to_owned(),
            quantity: 100,
            allocated: 30,
            dispatched: 0,
            available: 70,
            eta: None,
            status: "in_warehouse".to_owned(),
        }
    }

    #[test]
    fn a_row_is_a_line_where_there_is_no_terminal() {
        let long = "N".repeat(64);
        let table = batches(&[batch("B-1"), batch(&long)], None);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3);
        assert!(
            lines[0].starts_with("BATCH  ") && lines[2].starts_with(&long),
            "{table}"
        );
        assert!(
            lines[1].ends_with("100         30     0    70  in warehouse"),
            "{table}"
        );
    }

    #[test]
    fn a_name_that_does_not_fit_is_broken_over_lines_and_never_cut() {
        let long: String = ('a'..='z').cycle().take(64).collect();
        let table = batches(&[batch(&long)], Some(80));
        assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
        // Numbers and words stay whole.
        assert!(table.contains("ALLOCATED") && table.contains("in warehouse"), "{table}");
        let first_column: String = table
            .lines()
            .skip(1)
            .map(|line| line.split(' ').next().unwrap_or_default())
            .collect();
        assert_eq!(first_column, long, "{table}");
    }

    #[test]
    fn wide_letters_take_two_columns() {
        let table = batches(&[batch("灯灯"), batch("B-12")], None);
        let ends = table
            .lines()
            .skip(1)
            .map(|line| line.split_once("LAMP").expect("a SKU").0);
        assert_eq!(ends.collect::<Vec<_>>(), ["灯灯   ", "B-12   "]);
    }

    #[test]
    fn a_change_that_does_nothing_to_lines_says_nothing() {
        let nothing = Effects {
            reallocated: Vec::new(),
            backordered: Vec::new(),
            allocated: Vec::new(),
            promise_changed: Vec::new(),
            continues: false,
        };
        assert_eq!(effects(&nothing, None), "");
    }
}
