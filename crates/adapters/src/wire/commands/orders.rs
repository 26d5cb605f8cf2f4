//! Commands on orders and their lines.

use std::collections::{BTreeSet, HashSet};
use std::str::FromStr;

use earmark_domain::{
    Allocate, ChangeOrder, ConfirmOrder, ConfirmedLine, Dispatch, DispatchedLine, HoldFor, LineId, LineKey,
    LineRequest, Location, Locations, MAX_LINES_PER_ORDER, MAX_LOCATIONS, OnOrderShortage, OnShortage, OrderId,
    OrderLine, OrderTerms, PlaceOrder, Precedence, Priority, Quantity, Quote, Sku, TermsChange,
};
use jiff::civil::Date;

use crate::wire::reading::faults::Faults;
use crate::wire::reading::fields::{Fields, object};
use crate::wire::reading::json::Json;
use crate::wire::reading::values::{date, quantity, text, whole_number, word, yes_or_no};

const ON_SHORTAGE: &[(&str, OnShortage)] = &[("reject", OnShortage::Reject), ("backorder", OnShortage::Backorder)];

const ON_ORDER_SHORTAGE: &[(&str, OnOrderShortage)] = &[
    ("reject", OnOrderShortage::Reject),
    ("backorder", OnOrderShortage::Backorder),
    ("partial", OnOrderShortage::Partial),
];

/// Reads a line to allocate.
pub fn allocate(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Allocate> {
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
        without_grace: false,
    })
}

/// Reads a line of an order or of a quote. Without locations of its own it takes those of its order, or any.
pub fn order_line(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<OrderLine> {
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

/// The locations that are named. An empty list is a fault: a list that happens to be empty must not mean any location.
fn locations(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Locations> {
    let named = fields.list("locations", MAX_LOCATIONS, faults, |json, path, faults| {
        name(json, path, faults, Location::from_str)
    })?;
    Locations::new(named.unwrap_or_default())
        .map_err(|error| faults.add(fields.path_of("locations"), error))
        .ok()
}

/// One item of a list of names.
fn name<T, E: std::fmt::Display>(
    json: &Json<'_>,
    path: &str,
    faults: &mut Faults,
    new: impl FnOnce(&str) -> Result<T, E>,
) -> Option<T> {
    text(new)(json).map_err(|message| faults.add(path, message)).ok()
}

/// Reads an order to place.
pub fn place_order(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<PlaceOrder> {
    let order = fields.required("order_id", faults, text(OrderId::from_str));
    let content = content(fields, faults);
    place(order?, content?, faults)
}

/// Reads the content of an order whose id is not in the body.
pub fn replace_order(order: Option<OrderId>, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<PlaceOrder> {
    let content = content(fields, faults);
    place(order?, content?, faults)
}

fn place(order: OrderId, (lines, terms): (Vec<OrderLine>, OrderTerms), faults: &mut Faults) -> Option<PlaceOrder> {
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
    let lines = fields.list("lines", MAX_LINES_PER_ORDER, faults, |json, path, faults| {
        let line = object(json, path, faults, order_line)?;
        if !seen.insert(line.line.clone()) {
            faults.add(
                format!("{path}.line_id"),
                format_args!("{} occurs twice; lines of one SKU need a line_id each", line.line),
            );
        }
        Some(line)
    });
    if matches!(lines, Some(None)) {
        faults.add(fields.path_of("lines"), "is missing");
    }
    let default_locations = locations(fields, faults);
    let mut lines = lines??;
    let default_locations = default_locations?;
    if !default_locations.is_any() {
        for line in lines.iter_mut().filter(|line| line.locations.is_any()) {
            line.locations = default_locations.clone();
        }
    }
    Some(lines)
}

/// Reads the lines to quote.
pub fn quote(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Quote> {
    let lines = order_lines(fields, faults);
    let split = fields.optional("split", faults, yes_or_no);
    Some(Quote {
        lines: lines?,
        split: split?.unwrap_or(false),
    })
}

/// Reads the lines of an order that a command is about: `None` within means all of them.
pub fn named_lines(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Option<BTreeSet<LineId>>> {
    let lines = lines_once(
        fields,
        faults,
        |fields, faults| fields.required("line_id", faults, text(LineId::from_str)),
        |line| line,
    );
    lines.map(|lines| lines.map(|lines| lines.into_iter().collect()))
}

/// Reads the lines of an order of which units leave, and how.
pub fn dispatch(order: Option<OrderId>, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Dispatch> {
    let lines = lines_once(
        fields,
        faults,
        |fields, faults| {
            let (line, quantity) = part_of_line(fields, faults)?;
            Some(DispatchedLine { line, quantity })
        },
        |line| &line.line,
    );
    let all_or_nothing = fields.optional("all_or_nothing", faults, yes_or_no);
    Some(Dispatch {
        order: order?,
        lines: lines?,
        all_or_nothing: all_or_nothing?.unwrap_or(false),
    })
}

/// A line, and how much of it where that is not all.
fn part_of_line(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<(LineId, Option<Quantity>)> {
    let line = fields.required("line_id", faults, text(LineId::from_str));
    let quantity = fields.optional("quantity", faults, quantity);
    Some((line?, quantity?))
}

/// The list `lines`, if there is one, in which each line stands once.
fn lines_once<T>(
    fields: &mut Fields<'_>,
    faults: &mut Faults,
    read: impl Fn(&mut Fields<'_>, &mut Faults) -> Option<T>,
    id: impl Fn(&T) -> &LineId,
) -> Option<Option<Vec<T>>> {
    let mut seen = HashSet::new();
    fields.list("lines", MAX_LINES_PER_ORDER, faults, |json, path, faults| {
        let line = object(json, path, faults, &read)?;
        if !seen.insert(id(&line).clone()) {
            faults.add(format!("{path}.line_id"), format_args!("{} occurs twice", id(&line)));
        }
        Some(line)
    })
}

/// Reads the confirmation of an order.
pub fn confirm_order(order: Option<OrderId>, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<ConfirmOrder> {
    let lines = lines_once(
        fields,
        faults,
        |fields, faults| {
            let (line, quantity) = part_of_line(fields, faults)?;
            Some(ConfirmedLine { line, quantity })
        },
        |line| &line.line,
    );
    let reacquire = fields.optional("reacquire", faults, yes_or_no);
    Some(ConfirmOrder {
        order: order?,
        lines: lines?,
        reacquire: reacquire?.unwrap_or(false),
    })
}

/// Reads the change of the terms of an order, which names at least one of them.
pub fn change_order(order: Option<OrderId>, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<ChangeOrder> {
    let priority = fields.given("priority", faults, whole_number(Priority::new));
    let required_by = fields.given("required_by", faults, day_or_any);
    let locations = new_locations(fields, faults);
    if priority == Some(None) && required_by == Some(None) && locations == Some(None) {
        faults.add(
            fields.path(),
            "must have at least one of priority, required_by, locations",
        );
    }
    Some(ChangeOrder {
        order: order?,
        change: TermsChange {
            priority: priority?,
            required_by: required_by?,
            locations: locations?,
        },
    })
}

/// A day; null: any day will do.
fn day_or_any(json: &Json<'_>) -> Result<Option<Date>, String> {
    match json {
        Json::Null => Ok(None),
        day => text(date)(day).map(Some),
    }
}

/// The locations that an order gets: an empty list means any, as nobody changes them by chance.
fn new_locations(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Option<Locations>> {
    let named = fields.given_list("locations", MAX_LOCATIONS, faults, |json, path, faults| {
        name(json, path, faults, Location::from_str)
    })?;
    let Some(named) = named else { return Some(None) };
    let locations = Locations::new(named).map_err(|error| faults.add(fields.path_of("locations"), error));
    locations.ok().map(Some)
}

/// Reads the new quantity of a line.
pub fn line_quantity(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Quantity> {
    fields.required("quantity", faults, quantity)
}
