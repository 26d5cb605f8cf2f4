//! Builders: the shortest way to write a command or a name in a test.
//!
//! Each takes plain text and numbers, and fails the test when the domain does not accept them.

use earmark_domain::{
    Allocate, ChangeBatch, ChangeOrder, Command, ConfirmOrder, ConfirmedLine, Count, CreateBatch, Delivery, Dispatch,
    DispatchedLine, ExpireHolds, HoldFor, LineId, LineKey, LineRequest, Location, Locations, OnOrderShortage,
    OnShortage, OrderId, OrderLine, OrderTerms, PlaceOrder, Precedence, Priority, ProductName, PutProduct, Quantity,
    Quote, Reference, Rest, Sku, TermsChange,
};
use jiff::Timestamp;
use jiff::civil::Date;

/// A SKU.
#[must_use]
pub fn sku(text: &str) -> Sku {
    Sku::new(text).expect("a SKU")
}

/// A batch reference.
#[must_use]
pub fn reference(text: &str) -> Reference {
    Reference::new(text).expect("a reference")
}

/// An order id.
#[must_use]
pub fn order(text: &str) -> OrderId {
    OrderId::new(text).expect("an order id")
}

/// A line of an order.
#[must_use]
pub fn line(order_id: &str, line_id: &str) -> LineKey {
    LineKey {
        order: order(order_id),
        line: LineId::new(line_id).expect("a line id"),
    }
}

/// A quantity.
#[must_use]
pub fn units(number: u32) -> Quantity {
    Quantity::new(number).expect("a quantity")
}

/// A date, written `YYYY-MM-DD`.
#[must_use]
pub fn date(text: &str) -> Date {
    text.parse().expect("a date")
}

/// Day `n` of the test calendar: the test clock starts on day 0.
#[must_use]
pub fn day(n: i8) -> Date {
    jiff::civil::date(2026, 3, 1)
        .checked_add(jiff::Span::new().days(n))
        .expect("a date")
}

/// A number of units, which may be none.
#[must_use]
pub fn count(number: u32) -> Count {
    Count::new(number).expect("a count")
}

/// Locations, the preferred one first.
#[must_use]
pub fn locations(names: &[&str]) -> Locations {
    let names = names.iter().map(|name| Location::new(*name).expect("a location"));
    Locations::new(names.collect()).expect("a list of locations")
}

/// A precedence.
#[must_use]
pub fn precedence(priority: i32, required_by: Option<&str>) -> Precedence {
    let priority = Priority::new(priority).expect("a priority");
    Precedence::of(priority, required_by.map(date))
}

/// Names a product.
#[must_use]
pub fn name_product(of: &str, name: &str) -> Command {
    Command::PutProduct(PutProduct {
        sku: sku(of),
        name: Some(ProductName::new(name).expect("a product name")),
        safety_stock: None,
    })
}

/// Changes the safety stock of a product.
#[must_use]
pub fn keep_back(of: &str, units: u32) -> Command {
    Command::PutProduct(PutProduct {
        sku: sku(of),
        name: None,
        safety_stock: Some(count(units)),
    })
}

/// Creates a batch in the warehouse.
#[must_use]
pub fn create_batch(batch: &str, of: &str, quantity: u32) -> Command {
    Command::CreateBatch(CreateBatch {
        reference: reference(batch),
        sku: sku(of),
        quantity: units(quantity),
        eta: None,
        location: Location::default(),
    })
}

/// Creates a batch that arrives on a date.
#[must_use]
pub fn create_inbound(batch: &str, of: &str, quantity: u32, eta: &str) -> Command {
    Command::CreateBatch(CreateBatch {
        reference: reference(batch),
        sku: sku(of),
        quantity: units(quantity),
        eta: Some(date(eta)),
        location: Location::default(),
    })
}

/// Creates a batch at a location.
#[must_use]
pub fn create_at(batch: &str, of: &str, quantity: u32, location: &str) -> Command {
    Command::CreateBatch(CreateBatch {
        reference: reference(batch),
        sku: sku(of),
        quantity: units(quantity),
        eta: None,
        location: Location::new(location).expect("a location"),
    })
}

/// Changes the quantity of a batch.
#[must_use]
pub fn count_batch(batch: &str, quantity: u32) -> Command {
    Command::ChangeBatch(ChangeBatch {
        reference: reference(batch),
        quantity: Some(count(quantity)),
        eta: None,
    })
}

/// Changes the date on which a batch is expected.
#[must_use]
pub fn expect_batch(batch: &str, eta: &str) -> Command {
    Command::ChangeBatch(ChangeBatch {
        reference: reference(batch),
        quantity: None,
        eta: Some(date(eta)),
    })
}

/// Receives a batch with the expected quantity.
#[must_use]
pub fn receive_batch(batch: &str) -> Command {
    Command::ReceiveBatch {
        reference: reference(batch),
        delivery: Delivery::Whole { counted: None },
    }
}

/// Receives a batch with another quantity than the expected one.
#[must_use]
pub fn receive_counted(batch: &str, quantity: u32) -> Command {
    Command::ReceiveBatch {
        reference: reference(batch),
        delivery: Delivery::Whole {
            counted: Some(count(quantity)),
        },
    }
}

/// Receives a part of a batch; the rest is expected on the same day, under the reference that follows.
#[must_use]
pub fn receive_part(batch: &str, arrived: u32) -> Command {
    Command::ReceiveBatch {
        reference: reference(batch),
        delivery: Delivery::Part {
            arrived: units(arrived),
            rest: Rest::default(),
        },
    }
}

/// Undoes the receipt of a batch.
#[must_use]
pub fn undo_receipt(batch: &str) -> Command {
    Command::UndoReceipt(reference(batch))
}

/// Cancels a batch.
#[must_use]
pub fn cancel_batch(batch: &str) -> Command {
    Command::CancelBatch(reference(batch))
}

fn allocation(order_id: &str, of: &str, quantity: u32, on_shortage: OnShortage, split: bool) -> Command {
    Command::Allocate(Allocate {
        line: LineRequest {
            key: line(order_id, of),
            sku: sku(of),
            quantity: units(quantity),
        },
        locations: Locations::ANY,
        on_shortage,
        split,
        without_grace: false,
    })
}

/// Allocates a line in one batch, or is refused. The line's id is its SKU.
#[must_use]
pub fn allocate(order_id: &str, of: &str, quantity: u32) -> Command {
    allocation(order_id, of, quantity, OnShortage::Reject, false)
}

/// Allocates a line over as many batches as necessary, or is refused.
#[must_use]
pub fn allocate_split(order_id: &str, of: &str, quantity: u32) -> Command {
    allocation(order_id, of, quantity, OnShortage::Reject, true)
}

/// Allocates a line in one batch, or backorders it.
#[must_use]
pub fn allocate_or_wait(order_id: &str, of: &str, quantity: u32) -> Command {
    allocation(order_id, of, quantity, OnShortage::Backorder, false)
}

/// Allocates a line with an id of its own in one batch, or is refused.
#[must_use]
pub fn allocate_line(key: LineKey, of: &str, quantity: u32) -> Command {
    Command::Allocate(Allocate {
        line: LineRequest {
            key,
            sku: sku(of),
            quantity: units(quantity),
        },
        locations: Locations::ANY,
        on_shortage: OnShortage::Reject,
        split: false,
        without_grace: false,
    })
}

/// Allocates a line from these locations, the preferred one first, or backorders it. The line's id is its SKU.
#[must_use]
pub fn allocate_from(order_id: &str, of: &str, quantity: u32, from: &[&str]) -> Command {
    Command::Allocate(Allocate {
        line: LineRequest {
            key: line(order_id, of),
            sku: sku(of),
            quantity: units(quantity),
        },
        locations: locations(from),
        on_shortage: OnShortage::Backorder,
        split: true,
        without_grace: false,
    })
}

fn order_lines(lines: &[(&str, &str, u32)]) -> Vec<OrderLine> {
    let line = |(id, of, quantity): &(&str, &str, u32)| OrderLine {
        line: LineId::new(*id).expect("a line id"),
        sku: sku(of),
        quantity: units(*quantity),
        locations: Locations::ANY,
    };
    lines.iter().map(line).collect()
}

/// An order of lines `(line id, SKU, quantity)` on some terms.
#[must_use]
pub fn order_on(order_id: &str, lines: &[(&str, &str, u32)], terms: OrderTerms) -> PlaceOrder {
    PlaceOrder::new(order(order_id), order_lines(lines), terms).expect("an order")
}

/// Terms of an order that is held for a number of seconds.
#[must_use]
pub fn held_for(seconds: u32) -> OrderTerms {
    OrderTerms {
        hold_for: Some(HoldFor::seconds(seconds).expect("a time to hold for")),
        ..OrderTerms::default()
    }
}

/// Places an order of lines `(line id, SKU, quantity)`.
#[must_use]
pub fn place(order_id: &str, lines: &[(&str, &str, u32)], on_shortage: OnOrderShortage, split: bool) -> Command {
    let terms = OrderTerms {
        on_shortage,
        split,
        ..OrderTerms::default()
    };
    Command::PlaceOrder(order_on(order_id, lines, terms))
}

/// Places an order of lines `(line id, SKU, quantity)` that is held for a number of seconds; lines that don't fit are
/// backordered.
#[must_use]
pub fn hold(order_id: &str, lines: &[(&str, &str, u32)], seconds: u32) -> Command {
    let terms = OrderTerms {
        on_shortage: OnOrderShortage::Backorder,
        ..held_for(seconds)
    };
    Command::PlaceOrder(order_on(order_id, lines, terms))
}

/// Places an order of lines `(line id, SKU, quantity)` with a precedence; lines that don't fit are backordered.
#[must_use]
pub fn place_before(order_id: &str, lines: &[(&str, &str, u32)], precedence: Precedence) -> Command {
    let terms = OrderTerms {
        on_shortage: OnOrderShortage::Backorder,
        precedence,
        ..OrderTerms::default()
    };
    Command::PlaceOrder(order_on(order_id, lines, terms))
}

/// Replaces a held order, for a number of seconds from now on; lines that don't fit are backordered.
#[must_use]
pub fn replace(order_id: &str, lines: &[(&str, &str, u32)], seconds: u32) -> Command {
    let terms = OrderTerms {
        on_shortage: OnOrderShortage::Backorder,
        ..held_for(seconds)
    };
    Command::ReplaceOrder(order_on(order_id, lines, terms))
}

/// Confirms a held order.
#[must_use]
pub fn confirm(order_id: &str) -> Command {
    Command::ConfirmOrder(ConfirmOrder {
        order: order(order_id),
        lines: None,
        reacquire: false,
    })
}

/// Confirms some lines `(line id, quantity)` of a held order, and releases the rest.
#[must_use]
pub fn confirm_some(order_id: &str, lines: &[(&str, u32)]) -> Command {
    let line = |(id, quantity): &(&str, u32)| ConfirmedLine {
        line: LineId::new(*id).expect("a line id"),
        quantity: Some(units(*quantity)),
    };
    Command::ConfirmOrder(ConfirmOrder {
        order: order(order_id),
        lines: Some(lines.iter().map(line).collect()),
        reacquire: false,
    })
}

/// Changes the quantity of a line.
#[must_use]
pub fn change_line(order_id: &str, line_id: &str, quantity: u32) -> Command {
    Command::ChangeLineQuantity {
        key: line(order_id, line_id),
        quantity: units(quantity),
    }
}

/// A change of the terms of an order: its priority, the day it is required by (`None` within: any day), and where its
/// lines may come from (none: anywhere). `None`: unchanged.
#[must_use]
pub fn terms(priority: Option<i32>, required_by: Option<Option<&str>>, from: Option<&[&str]>) -> TermsChange {
    TermsChange {
        priority: priority.map(|number| Priority::new(number).expect("a priority")),
        required_by: required_by.map(|day| day.map(date)),
        locations: from.map(locations),
    }
}

/// Changes the terms of an order.
#[must_use]
pub fn change_order(order_id: &str, change: TermsChange) -> Command {
    Command::ChangeOrder(ChangeOrder {
        order: order(order_id),
        change,
    })
}

/// Dispatches an order.
#[must_use]
pub fn dispatch(order_id: &str) -> Command {
    Command::Dispatch(Dispatch {
        order: order(order_id),
        lines: None,
        all_or_nothing: false,
    })
}

/// Dispatches until so many units of a line have left.
#[must_use]
pub fn dispatch_part(order_id: &str, line_id: &str, quantity: u32) -> Command {
    Command::Dispatch(Dispatch {
        order: order(order_id),
        lines: Some(vec![DispatchedLine {
            line: line(order_id, line_id).line,
            quantity: Some(units(quantity)),
        }]),
        all_or_nothing: false,
    })
}

/// Undoes the dispatch of an order.
#[must_use]
pub fn undo_dispatch(order_id: &str) -> Command {
    Command::UndoDispatch {
        order: order(order_id),
        lines: None,
    }
}

/// Quotes an order of lines `(line id, SKU, quantity)`.
#[must_use]
pub fn quote(lines: &[(&str, &str, u32)]) -> Command {
    Command::Quote(Quote {
        lines: order_lines(lines),
        split: false,
    })
}

/// Expires the holds of orders on products, whenever they end.
#[must_use]
pub fn expire_holds(of: &[&str], orders: &[&str]) -> Command {
    Command::ExpireHolds(ExpireHolds {
        at: Timestamp::MAX,
        skus: of.iter().map(|of| sku(of)).collect(),
        orders: orders.iter().map(|id| order(id)).collect(),
    })
}

/// Places an order of lines `(SKU, quantity)`, all or nothing. The lines' ids are their SKUs.
#[must_use]
pub fn place_order(order_id: &str, lines: &[(&str, u32)]) -> Command {
    let lines: Vec<_> = lines.iter().map(|(of, quantity)| (*of, *of, *quantity)).collect();
    place(order_id, &lines, OnOrderShortage::Reject, false)
}

/// Cancels a line.
#[must_use]
pub fn cancel_line(order_id: &str, line_id: &str) -> Command {
    Command::CancelLine(line(order_id, line_id))
}

/// Cancels an order.
#[must_use]
pub fn cancel_order(order_id: &str) -> Command {
    Command::CancelOrder(order(order_id))
}

/// Serves the next page of a backlog.
#[must_use]
pub fn serve_backlog(of: &str) -> Command {
    Command::Continue(sku(of))
}
