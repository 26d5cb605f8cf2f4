//! Reading what is ordered: lines with where they may come from, the terms of an order, and lists of an order's lines.

use std::collections::HashSet;
use std::str::FromStr;

use earmark_domain::{
    Allocate, ConfirmedLine, HoldFor, LineId, LineKey, LineRequest, Location, Locations, MAX_LINES_PER_ORDER,
    MAX_LOCATIONS, OnOrderShortage, OnShortage, OrderId, OrderLine, OrderTerms, PlaceOrder, Precedence, Priority,
    Quote, Sku,
};

use super::fields::{Faults, Fields, date, quantity, text, whole_number, word, yes_or_no};
use super::input::object;
use super::json::Json;

/// The most lines of an order that come in one body.
const MAX_LINES: usize = 500;

const ON_SHORTAGE: &[(&str, OnShortage)] = &[("reject", OnShortage::Reject), ("backorder", OnShortage::Backorder)];

const ON_ORDER_SHORTAGE: &[(&str, OnOrderShortage)] = &[
    ("reject", OnOrderShortage::Reject),
    ("backorder", OnOrderShortage::Backorder),
    ("partial", OnOrderShortage::Partial),
];

/// Reads a line to allocate.
pub(super) fn allocate_line(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Allocate> {
    let order = fields.required("order_id", faults, text(OrderId::from_str));
    let line = order_line(fields, faults);
    let on_shortage = fields.optional("on_shortage", faults, word(ON_SHORTAGE));
    let split = fields.optional("split", faults, yes_or_no);
    let line = line?;
    Some(Allocate {
        line: LineRequest {
            key: LineKey {
                order: order?,
                line: line.line,
            },
            sku: line.sku,
            quantity: line.quantity,
        },
        locations: line.locations,
        on_shortage: on_shortage?.unwrap_or_default(),
        split: split?.unwrap_or(false),
    })
}

/// A line of an order, or of a quote. No locations: it names none, so any will do, or those of its order.
fn order_line(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<OrderLine> {
    let line = fields.optional("line_id", faults, text(LineId::from_str));
    let sku = fields.required("sku", faults, text(Sku::from_str));
    let quantity = fields.required("quantity", faults, quantity);
    let locations = locations(fields, faults);
    let sku = sku?;
    Some(OrderLine {
        line: line?.unwrap_or_else(|| LineId::from(&sku)),
        sku,
        quantity: quantity?,
        locations: locations?,
    })
}

/// Locations that are named. A list that names none is a fault: nobody should get stock from anywhere by a list that
/// happens to be empty.
fn locations(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Locations> {
    let named = fields.list("locations", MAX_LOCATIONS, faults, |json, path, faults| {
        one(json, path, faults, Location::from_str)
    })?;
    Locations::new(named.unwrap_or_default())
        .map_err(|error| faults.add(fields.path_of("locations"), error))
        .ok()
}

/// One item of a list of names.
fn one<T, E: std::fmt::Display>(
    json: &Json<'_>,
    path: &str,
    faults: &mut Faults,
    new: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    text(new)(json).map_err(|message| faults.add(path, message)).ok()
}

/// Reads an order to place.
pub(super) fn place_order(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<PlaceOrder> {
    let order = fields.required("order_id", faults, text(OrderId::from_str));
    let content = content(fields, faults);
    placed(order?, content?, faults)
}

/// Reads an order whose id stands elsewhere; it is `None` where it is at fault there.
pub(super) fn order_of(order: Option<OrderId>, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<PlaceOrder> {
    let content = content(fields, faults);
    placed(order?, content?, faults)
}

fn placed(order: OrderId, (lines, terms): (Vec<OrderLine>, OrderTerms), faults: &mut Faults) -> Option<PlaceOrder> {
    PlaceOrder::new(order, lines, terms)
        .map_err(|error| faults.add("lines", error))
        .ok()
}

/// The lines of an order and its terms.
fn content(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<(Vec<OrderLine>, OrderTerms)> {
    let lines = order_lines(fields, faults);
    let on_shortage = fields.optional("on_shortage", faults, word(ON_ORDER_SHORTAGE));
    let split = fields.optional("split", faults, yes_or_no);
    let hold_for = fields.optional("hold_seconds", faults, whole_number(HoldFor::seconds));
    let priority = fields.optional("priority", faults, whole_number(Priority::new));
    let required_by = fields.optional("required_by", faults, text(date));
    let terms = OrderTerms {
        on_shortage: on_shortage?.unwrap_or_default(),
        split: split?.unwrap_or(false),
        hold_for: hold_for?,
        precedence: Precedence::of(priority?.unwrap_or_default(), required_by?),
    };
    Some((lines?, terms))
}

/// The lines of an order, with the locations of the order where they name none of their own.
fn order_lines(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Vec<OrderLine>> {
    let mut seen = HashSet::new();
    let lines = fields.list("lines", MAX_LINES, faults, |json, path, faults| {
        let line = object(json, path, faults, order_line)?;
        if !seen.insert(line.line.clone()) {
            let told = format!("{} stands twice; lines of one SKU need a line_id each", line.line);
            faults.add(format!("{path}.line_id"), told);
        }
        Some(line)
    });
    if matches!(lines, Some(None)) {
        faults.add(fields.path_of("lines"), "is missing");
    }
    let of_the_order = locations(fields, faults);
    let mut lines = lines??;
    let of_the_order = of_the_order?;
    if !of_the_order.is_any() {
        for line in lines.iter_mut().filter(|line| line.locations.is_any()) {
            line.locations = of_the_order.clone();
        }
    }
    Some(lines)
}

/// Reads what is to be quoted.
pub(super) fn quote(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Quote> {
    let lines = order_lines(fields, faults);
    let split = fields.optional("split", faults, yes_or_no);
    Some(Quote {
        lines: lines?,
        split: split?.unwrap_or(false),
    })
}

/// Reads which lines of an order are meant: `None` within, where all are.
pub(super) fn lines_named(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Option<Vec<LineId>>> {
    let mut seen = HashSet::new();
    fields.list("lines", MAX_LINES_PER_ORDER, faults, |json, path, faults| {
        let line = one(json, path, faults, LineId::from_str)?;
        if !seen.insert(line.clone()) {
            faults.add(path, format_args!("{line} stands twice"));
        }
        Some(line)
    })
}

/// Reads which lines of an order are confirmed, and how much of them: `None` within, where all are.
pub(super) fn lines_confirmed(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Option<Vec<ConfirmedLine>>> {
    let mut seen = HashSet::new();
    fields.list("lines", MAX_LINES_PER_ORDER, faults, |json, path, faults| {
        let confirmed = object(json, path, faults, |fields, faults| {
            let line = fields.required("line_id", faults, text(LineId::from_str));
            let quantity = fields.optional("quantity", faults, quantity);
            Some(ConfirmedLine {
                line: line?,
                quantity: quantity?,
            })
        })?;
        if !seen.insert(confirmed.line.clone()) {
            faults.add(
                format!("{path}.line_id"),
                format_args!("{} stands twice", confirmed.line),
            );
        }
        Some(confirmed)
    })
}
