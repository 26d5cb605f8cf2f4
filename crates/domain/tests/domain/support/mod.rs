//! Short constructors for names and commands, and a shop that runs them on records in maps.

mod shop;

use std::collections::BTreeSet;

use earmark_domain::{
    Allocate, ChangeBatch, ChangeOrder, Command, ConfirmOrder, ConfirmedLine, Count, CreateBatch, Delivery, Dispatch,
    DispatchedLine, HoldFor, LineId, LineKey, LineRequest, Location, Locations, OnOrderShortage, OnShortage, OrderId,
    OrderLine, OrderTerms, PlaceOrder, Precedence, Priority, PutProduct, Quantity, Quote, Reference, Rest, Sku,
    TermsChange,
};
use jiff::civil::Date;

pub(crate) use shop::Shop;

/// A shop after these commands.
pub(crate) fn shop(commands: &[Command]) -> Shop {
    let mut shop = Shop::default();
    for command in commands {
        shop.run(command).expect("an accepted command");
    }
    shop
}

pub(crate) fn sku(text: &str) -> Sku {
    Sku::new(text).expect("a SKU")
}

pub(crate) fn reference(text: &str) -> Reference {
    Reference::new(text).expect("a reference")
}

pub(crate) fn order(text: &str) -> OrderId {
    OrderId::new(text).expect("an order id")
}

pub(crate) fn units(n: u32) -> Quantity {
    Quantity::new(n).expect("a quantity")
}

pub(crate) fn key(order_id: &str, line: &str) -> LineKey {
    LineKey {
        order: order(order_id),
        line: LineId::new(line).expect("a line id"),
    }
}

/// Day `n` of the tests' calendar; day 0 is today.
pub(crate) fn day(n: i8) -> Date {
    jiff::civil::date(2030, 6, 10)
        .checked_add(jiff::Span::new().days(n))
        .expect("a date")
}

pub(crate) fn create_batch(name: &str, of: &str, quantity: u32, eta: Option<Date>) -> Command {
    Command::CreateBatch(CreateBatch {
        reference: reference(name),
        sku: sku(of),
        quantity: units(quantity),
        eta,
        location: Location::default(),
    })
}

fn allocation(order_id: &str, of: &str, quantity: u32, on_shortage: OnShortage, split: bool) -> Command {
    Command::Allocate(Allocate {
        line: LineRequest {
            key: key(order_id, of),
            sku: sku(of),
            quantity: units(quantity),
        },
        locations: Locations::ANY,
        on_shortage,
        split,
        without_grace: false,
    })
}

/// Allocates a line whole, or refuses it. The SKU is its id.
pub(crate) fn allocate(order_id: &str, of: &str, quantity: u32) -> Command {
    allocation(order_id, of, quantity, OnShortage::Reject, false)
}

pub(crate) fn allocate_split(order_id: &str, of: &str, quantity: u32) -> Command {
    allocation(order_id, of, quantity, OnShortage::Reject, true)
}

pub(crate) fn backorder(order_id: &str, of: &str, quantity: u32) -> Command {
    allocation(order_id, of, quantity, OnShortage::Backorder, false)
}

pub(crate) fn lines(lines: &[(&str, &str, u32)]) -> Vec<OrderLine> {
    let line = |(line, of, quantity): &(&str, &str, u32)| OrderLine {
        line: LineId::new(line).expect("a line id"),
        sku: sku(of),
        quantity: units(*quantity),
        locations: Locations::ANY,
    };
    lines.iter().map(line).collect()
}

pub(crate) fn place_on(id: &str, wanted: &[(&str, &str, u32)], terms: OrderTerms) -> Command {
    Command::PlaceOrder(PlaceOrder::new(order(id), lines(wanted), terms).expect("an order"))
}

pub(crate) fn place(id: &str, wanted: &[(&str, &str, u32)], on_shortage: OnOrderShortage, split: bool) -> Command {
    let terms = OrderTerms {
        on_shortage,
        split,
        ..OrderTerms::default()
    };
    place_on(id, wanted, terms)
}

/// The terms of an order that is held for some seconds.
pub(crate) fn hold_terms(seconds: i64) -> OrderTerms {
    OrderTerms {
        hold_for: Some(HoldFor::seconds(seconds).expect("the length of a hold")),
        ..OrderTerms::default()
    }
}

/// A held order of one line, with the SKU as its id.
pub(crate) fn hold(id: &str, of: &str, quantity: u32, seconds: i64) -> Command {
    place_on(id, &[(of, of, quantity)], hold_terms(seconds))
}

pub(crate) fn replace(id: &str, wanted: &[(&str, &str, u32)], terms: OrderTerms) -> Command {
    Command::ReplaceOrder(PlaceOrder::new(order(id), lines(wanted), terms).expect("an order"))
}

pub(crate) fn confirm(id: &str) -> Command {
    Command::ConfirmOrder(ConfirmOrder {
        order: order(id),
        lines: None,
        reacquire: false,
    })
}

pub(crate) fn reacquire(id: &str) -> Command {
    Command::ConfirmOrder(ConfirmOrder {
        order: order(id),
        lines: None,
        reacquire: true,
    })
}

/// Confirms some lines, each with a quantity.
pub(crate) fn confirm_some(id: &str, lines: &[(&str, Option<u32>)]) -> Command {
    let line = |(line, quantity): &(&str, Option<u32>)| ConfirmedLine {
        line: LineId::new(line).expect("a line id"),
        quantity: quantity.map(units),
    };
    Command::ConfirmOrder(ConfirmOrder {
        order: order(id),
        lines: Some(lines.iter().map(line).collect()),
        reacquire: false,
    })
}

/// Changes the terms of an order.
pub(crate) fn change_order(id: &str, change: TermsChange) -> Command {
    Command::ChangeOrder(ChangeOrder {
        order: order(id),
        change,
    })
}

pub(crate) fn to_priority(priority: i32) -> TermsChange {
    TermsChange {
        priority: Some(Priority::new(priority).expect("a priority")),
        ..TermsChange::default()
    }
}

/// `None`: any day will do.
pub(crate) fn to_day(required_by: Option<Date>) -> TermsChange {
    TermsChange {
        required_by: Some(required_by),
        ..TermsChange::default()
    }
}

/// None of them: anywhere.
pub(crate) fn to_locations(names: &[&str]) -> TermsChange {
    TermsChange {
        locations: Some(locations(names)),
        ..TermsChange::default()
    }
}

pub(crate) fn locations(names: &[&str]) -> Locations {
    let names = names.iter().map(|name| Location::new(name).expect("a location"));
    Locations::new(names.collect()).expect("each once")
}

pub(crate) fn create_at(name: &str, of: &str, quantity: u32, location: &str) -> Command {
    Command::CreateBatch(CreateBatch {
        reference: reference(name),
        sku: sku(of),
        quantity: units(quantity),
        eta: None,
        location: Location::new(location).expect("a location"),
    })
}

pub(crate) fn change_quantity(order_id: &str, line: &str, quantity: u32) -> Command {
    Command::ChangeLineQuantity {
        key: key(order_id, line),
        quantity: units(quantity),
    }
}

pub(crate) fn dispatch(id: &str, lines: Option<&[&str]>) -> Command {
    Command::Dispatch(Dispatch {
        order: order(id),
        lines: lines.map(|lines| lines.iter().map(|line| part_of(line, None)).collect()),
        all_or_nothing: false,
    })
}

/// Dispatches until so many units of these lines have left.
pub(crate) fn dispatch_parts(id: &str, parts: &[(&str, u32)]) -> Command {
    Command::Dispatch(Dispatch {
        order: order(id),
        lines: Some(
            parts
                .iter()
                .map(|(line, quantity)| part_of(line, Some(*quantity)))
                .collect(),
        ),
        all_or_nothing: false,
    })
}

/// Dispatches an order, if all of it can leave.
pub(crate) fn dispatch_whole(id: &str) -> Command {
    Command::Dispatch(Dispatch {
        order: order(id),
        lines: None,
        all_or_nothing: true,
    })
}

fn part_of(line: &str, quantity: Option<u32>) -> DispatchedLine {
    DispatchedLine {
        line: LineId::new(line).expect("a line id"),
        quantity: quantity.map(units),
    }
}

pub(crate) fn undo_dispatch(id: &str, lines: Option<&[&str]>) -> Command {
    Command::UndoDispatch {
        order: order(id),
        lines: lines.map(line_ids),
    }
}

fn line_ids(lines: &[&str]) -> BTreeSet<LineId> {
    lines.iter().map(|line| LineId::new(line).expect("a line id")).collect()
}

pub(crate) fn precedence(priority: i32, required_by: Option<Date>) -> Precedence {
    Precedence::of(Priority::new(priority).expect("a priority"), required_by)
}

pub(crate) fn units_counted(n: u32) -> Count {
    Count::new(n).expect("a count")
}

pub(crate) fn count(batch: &str, quantity: u32) -> Command {
    change(batch, Some(quantity), None)
}

pub(crate) fn put_off(batch: &str, eta: Date) -> Command {
    change(batch, None, Some(eta))
}

pub(crate) fn change(batch: &str, quantity: Option<u32>, eta: Option<Date>) -> Command {
    Command::ChangeBatch(ChangeBatch {
        reference: reference(batch),
        quantity: quantity.map(units_counted),
        eta,
    })
}

pub(crate) fn receive(batch: &str, quantity: Option<u32>) -> Command {
    Command::ReceiveBatch {
        reference: reference(batch),
        delivery: Delivery::Whole {
            counted: quantity.map(units_counted),
        },
    }
}

/// Receives a part of a batch; the rest stays inbound.
pub(crate) fn receive_part(batch: &str, arrived: u32, rest: Rest) -> Command {
    Command::ReceiveBatch {
        reference: reference(batch),
        delivery: Delivery::Part {
            arrived: units(arrived),
            rest,
        },
    }
}

pub(crate) fn undo_receipt(batch: &str) -> Command {
    Command::UndoReceipt(reference(batch))
}

pub(crate) fn cancel_batch(batch: &str) -> Command {
    Command::CancelBatch(reference(batch))
}

pub(crate) fn keep_back(of: &str, n: u32) -> Command {
    Command::PutProduct(PutProduct {
        sku: sku(of),
        name: None,
        safety_stock: Some(units_counted(n)),
    })
}

pub(crate) fn quote(wanted: &[(&str, &str, u32)], split: bool) -> Command {
    Command::Quote(Quote {
        lines: lines(wanted),
        split,
    })
}

pub(crate) fn cancel_order(id: &str) -> Command {
    Command::CancelOrder(order(id))
}

pub(crate) fn cancel_line(order_id: &str, line: &str) -> Command {
    Command::CancelLine(key(order_id, line))
}
