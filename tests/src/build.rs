//! Builders: the shortest way to say a command or a name in a test.
//!
//! Each takes plain text and numbers and fails the test when they are not what the domain allows.

use earmark_domain::{
    Allocate, Command, Count, CreateBatch, LineId, LineKey, Location, OnOrderShortage, OnShortage, OrderId, OrderLine,
    PlaceOrder, ProductName, Quantity, Reference, Sku, Wish,
};
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

/// Names a product.
#[must_use]
pub fn name_product(of: &str, name: &str) -> Command {
    Command::NameProduct {
        sku: sku(of),
        name: ProductName::new(name).expect("a product name"),
    }
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

/// Counts a batch.
#[must_use]
pub fn count_batch(batch: &str, quantity: u32) -> Command {
    Command::ChangeBatchQuantity {
        reference: reference(batch),
        quantity: Count::new(quantity).expect("a count"),
    }
}

fn allocation(order_id: &str, of: &str, quantity: u32, on_shortage: OnShortage, split: bool) -> Command {
    Command::Allocate(Allocate {
        wish: Wish {
            key: line(order_id, of),
            sku: sku(of),
            quantity: units(quantity),
        },
        on_shortage,
        split,
    })
}

/// Allocates a line whole, or is refused. The line is known by its SKU.
#[must_use]
pub fn allocate(order_id: &str, of: &str, quantity: u32) -> Command {
    allocation(order_id, of, quantity, OnShortage::Reject, false)
}

/// Allocates a line spread over as many batches as it takes, or is refused.
#[must_use]
pub fn allocate_split(order_id: &str, of: &str, quantity: u32) -> Command {
    allocation(order_id, of, quantity, OnShortage::Reject, true)
}

/// Allocates a line whole, or lets it wait.
#[must_use]
pub fn allocate_or_wait(order_id: &str, of: &str, quantity: u32) -> Command {
    allocation(order_id, of, quantity, OnShortage::Backorder, false)
}

/// Allocates a line whole under an id of its own, or is refused.
#[must_use]
pub fn allocate_line(key: LineKey, of: &str, quantity: u32) -> Command {
    Command::Allocate(Allocate {
        wish: Wish {
            key,
            sku: sku(of),
            quantity: units(quantity),
        },
        on_shortage: OnShortage::Reject,
        split: false,
    })
}

/// Places an order of lines `(line id, SKU, quantity)`.
#[must_use]
pub fn place(order_id: &str, lines: &[(&str, &str, u32)], on_shortage: OnOrderShortage, split: bool) -> Command {
    let lines = lines.iter().map(|(id, of, quantity)| OrderLine {
        line: LineId::new(id).expect("a line id"),
        sku: sku(of),
        quantity: units(*quantity),
    });
    let order = PlaceOrder::new(order(order_id), lines.collect(), on_shortage, split);
    Command::PlaceOrder(order.expect("an order"))
}

/// Places an order of lines `(SKU, quantity)`, all or nothing. The lines are known by their SKUs.
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

/// Goes on serving a backlog.
#[must_use]
pub fn serve_backlog(of: &str) -> Command {
    Command::ServeBacklog(sku(of))
}
