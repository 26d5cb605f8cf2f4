//! Commands: what can be asked of the books.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use jiff::civil::Date;

use crate::line::LineRequest;
use crate::name::{LineId, LineKey, Location, OrderId, ProductName, Reference, Sku};
use crate::place_order::{Locations, OnShortage, OrderLine, PlaceOrder};
use crate::quantity::{Count, Quantity};
use crate::scope::Scope;

/// Names a product, or says how much of it is kept back; creates it when the SKU is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutProduct {
    /// Which product.
    pub sku: Sku,
    /// Its name from now on; `None`: as it was.
    pub name: Option<ProductName>,
    /// Units kept back from new promises from now on; `None`: as many as before.
    pub safety_stock: Option<Count>,
}

/// Creates a batch, and its product when the SKU is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateBatch {
    /// Its reference.
    pub reference: Reference,
    /// The product.
    pub sku: Sku,
    /// Units bought.
    pub quantity: Quantity,
    /// When it arrives; `None`: it is in the warehouse.
    pub eta: Option<Date>,
    /// Where it lies or will lie.
    pub location: Location,
}

/// Counts a batch, or says when it arrives. What is `None` stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeBatch {
    /// Which batch.
    pub reference: Reference,
    /// What was counted.
    pub quantity: Option<Count>,
    /// When it arrives.
    pub eta: Option<Date>,
}

/// Allocates one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocate {
    /// The line.
    pub line: LineRequest,
    /// Where its units may come from.
    pub locations: Locations,
    /// What becomes of it when it does not fit.
    pub on_shortage: OnShortage,
    /// Whether it may be spread over several batches.
    pub split: bool,
}

/// A line of a held order that is confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmedLine {
    /// Which line.
    pub line: LineId,
    /// How much of it; `None`: all.
    pub quantity: Option<Quantity>,
}

/// Makes a held order firm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmOrder {
    /// Which order.
    pub order: OrderId,
    /// The lines that are confirmed, the others being released; `None`: all of them.
    pub lines: Option<Vec<ConfirmedLine>>,
    /// Whether to try to get the same lines anew when the hold has expired.
    pub reacquire: bool,
}

/// Asks what placing an order would come to, line by line. Nothing is changed by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The lines, in the order they are tried.
    pub lines: Vec<OrderLine>,
    /// Whether a line may be spread over several batches.
    pub split: bool,
}

/// Ends the holds of orders whose deadline has passed. Asked by the service itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireHolds {
    /// The products whose earliest deadline is to be found anew.
    pub skus: BTreeSet<Sku>,
    /// The orders. One that is not due, or not held any more, stays as it is.
    pub orders: BTreeSet<OrderId>,
}

/// All that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Names a product, or says how much of it is kept back.
    PutProduct(PutProduct),
    /// Creates a batch.
    CreateBatch(CreateBatch),
    /// Counts a batch, or says when it arrives.
    ChangeBatch(ChangeBatch),
    /// A batch has arrived: it is in the warehouse from now on.
    ReceiveBatch {
        /// Which batch.
        reference: Reference,
        /// What was counted on arrival; `None`: what was expected.
        quantity: Option<Count>,
    },
    /// A batch won't come, or is given up: only what has been dispatched from it remains.
    CancelBatch(Reference),
    /// Allocates one line.
    Allocate(Allocate),
    /// Places an order.
    PlaceOrder(PlaceOrder),
    /// Places a held order anew under its id, with other lines.
    ReplaceOrder(PlaceOrder),
    /// Makes a held order firm.
    ConfirmOrder(ConfirmOrder),
    /// Changes how many units a line wants.
    ChangeLineQuantity {
        /// Which line.
        key: LineKey,
        /// How many it wants from now on.
        quantity: Quantity,
    },
    /// Cancels one line.
    CancelLine(LineKey),
    /// Cancels every line of an order.
    CancelOrder(OrderId),
    /// The units of lines leave the building.
    Dispatch {
        /// Which order.
        order: OrderId,
        /// Which of its lines; `None`: all that are allocated.
        lines: Option<BTreeSet<LineId>>,
    },
    /// The units of lines have not left the building after all: they are allocated again.
    UndoDispatch {
        /// Which order.
        order: OrderId,
        /// Which of its lines; `None`: all that were dispatched.
        lines: Option<BTreeSet<LineId>>,
    },
    /// Asks what placing an order would come to.
    Quote(Quote),
    /// Ends holds whose deadline has passed. Asked by the service itself.
    ExpireHolds(ExpireHolds),
    /// Goes on serving a backlog where an earlier transaction stopped. Asked by the service itself.
    ServeBacklog(Sku),
}

impl Command {
    /// The command's name, for those who count.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PutProduct(_) => "put_product",
            Self::CreateBatch(_) => "create_batch",
            Self::ChangeBatch(_) => "change_batch",
            Self::ReceiveBatch { .. } => "receive_batch",
            Self::CancelBatch(_) => "cancel_batch",
            Self::Allocate(_) => "allocate",
            Self::PlaceOrder(_) => "place_order",
            Self::ReplaceOrder(_) => "replace_order",
            Self::ConfirmOrder(_) => "confirm_order",
            Self::ChangeLineQuantity { .. } => "change_line_quantity",
            Self::CancelLine(_) => "cancel_line",
            Self::CancelOrder(_) => "cancel_order",
            Self::Dispatch { .. } => "dispatch",
            Self::UndoDispatch { .. } => "undo_dispatch",
            Self::Quote(_) => "quote",
            Self::ExpireHolds(_) => "expire_holds",
            Self::ServeBacklog(_) => "serve_backlog",
        }
    }

    /// What it touches.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::of([self])
    }

    /// Whether it can share a transaction with others. One that can't reads a part of the books that is only right for
    /// the state it finds.
    #[must_use]
    pub const fn is_joinable(&self) -> bool {
        match self {
            Self::ChangeBatch(_)
            | Self::ReceiveBatch { .. }
            | Self::CancelBatch(_)
            | Self::ExpireHolds(_)
            | Self::ServeBacklog(_) => false,
            Self::PutProduct(_)
            | Self::CreateBatch(_)
            | Self::Allocate(_)
            | Self::PlaceOrder(_)
            | Self::ReplaceOrder(_)
            | Self::ConfirmOrder(_)
            | Self::ChangeLineQuantity { .. }
            | Self::CancelLine(_)
            | Self::CancelOrder(_)
            | Self::Dispatch { .. }
            | Self::UndoDispatch { .. }
            | Self::Quote(_) => true,
        }
    }

    /// How many lines it names, at least one: what it adds to the work of a transaction.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::PlaceOrder(place) | Self::ReplaceOrder(place) => place.lines().len(),
            Self::Quote(quote) => quote.lines.len().max(1),
            _ => 1,
        }
    }

    /// A name that commands on the same things are likely to share: that of a product where it names one, else of a
    /// batch or an order.
    #[must_use]
    pub fn foremost_name(&self) -> &str {
        match self {
            Self::PutProduct(put) => put.sku.as_str(),
            Self::ServeBacklog(sku) => sku.as_str(),
            Self::CreateBatch(create) => create.sku.as_str(),
            Self::ChangeBatch(ChangeBatch { reference, .. })
            | Self::ReceiveBatch { reference, .. }
            | Self::CancelBatch(reference) => reference.as_str(),
            Self::Allocate(allocate) => allocate.line.sku.as_str(),
            Self::PlaceOrder(place) | Self::ReplaceOrder(place) => {
                let least = place.lines().iter().map(|line| line.sku.as_str()).min();
                least.unwrap_or(place.order().as_str())
            }
            Self::Quote(quote) => {
                let least = quote.lines.iter().map(|line| line.sku.as_str()).min();
                least.unwrap_or_default()
            }
            Self::ExpireHolds(expire) => expire.skus.first().map_or("", Sku::as_str),
            Self::CancelLine(key) | Self::ChangeLineQuantity { key, .. } => key.order.as_str(),
            Self::ConfirmOrder(ConfirmOrder { order, .. })
            | Self::CancelOrder(order)
            | Self::Dispatch { order, .. }
            | Self::UndoDispatch { order, .. } => order.as_str(),
        }
    }
}
