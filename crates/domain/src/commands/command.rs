//! The commands that can be decided.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use super::delivery::Delivery;
use super::place_order::{OrderLine, PlaceOrder};
use crate::language::locations::Locations;
use crate::language::name::{LineId, LineKey, Location, OrderId, ProductName, Reference, Sku};
use crate::language::order_terms::OnShortage;
use crate::language::quantity::{Count, Quantity};
use crate::language::terms_change::TermsChange;

/// Names a product or sets its safety stock. Creates the product when the SKU is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutProduct {
    /// Which product.
    pub sku: Sku,
    /// Its new name; `None`: unchanged.
    pub name: Option<ProductName>,
    /// Units to keep back from new promises; `None`: unchanged.
    pub safety_stock: Option<Count>,
}

/// Creates a batch. Creates the product when the SKU is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateBatch {
    /// Its reference.
    pub reference: Reference,
    /// The product.
    pub sku: Sku,
    /// Its units.
    pub quantity: Quantity,
    /// When it arrives; `None`: it is in the warehouse.
    pub eta: Option<Date>,
    /// Its location, or the location it will arrive at.
    pub location: Location,
}

/// Changes the quantity or the ETA of a batch. `None` leaves the value unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeBatch {
    /// Which batch.
    pub reference: Reference,
    /// The units that were counted.
    pub quantity: Option<Count>,
    /// The new ETA.
    pub eta: Option<Date>,
}

/// What a customer wants: one line of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineRequest {
    /// Which line.
    pub key: LineKey,
    /// Which product.
    pub sku: Sku,
    /// How many units.
    pub quantity: Quantity,
}

/// Allocates one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocate {
    /// The line.
    pub line: LineRequest,
    /// Where its units may come from.
    pub locations: Locations,
    /// What happens to it if it does not fit.
    pub on_shortage: OnShortage,
    /// Whether it may be spread over several batches.
    pub split: bool,
    /// Whether a batch is offered to it however long it is overdue, as the book does.
    pub without_grace: bool,
}

/// A line of a held order to confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmedLine {
    /// Which line.
    pub line: LineId,
    /// How many of its units; `None`: all.
    pub quantity: Option<Quantity>,
}

/// Makes a held order firm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfirmOrder {
    /// Which order.
    pub order: OrderId,
    /// The lines to confirm; the others are released. `None`: all lines.
    pub lines: Option<Vec<ConfirmedLine>>,
    /// Whether to try to allocate the same lines again if the hold has expired.
    pub reacquire: bool,
}

/// A line of which units leave the building.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DispatchedLine {
    /// Which line.
    pub line: LineId,
    /// How many of its units have left when this is done, those that left before among them; `None`: all. So the same
    /// command again changes nothing.
    pub quantity: Option<Quantity>,
}

/// Records that units of a firm order leave the building.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dispatch {
    /// Which order.
    pub order: OrderId,
    /// Which of its lines; `None`: all that are open.
    pub lines: Option<Vec<DispatchedLine>>,
    /// Whether nothing leaves unless all of it can.
    pub all_or_nothing: bool,
}

/// Changes the terms of an order that is held or firm, and with them those of its open lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangeOrder {
    /// Which order.
    pub order: OrderId,
    /// What becomes of its terms.
    pub change: TermsChange,
}

/// Asks what placing an order would give, line by line. It changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The lines, in the order in which they are tried.
    pub lines: Vec<OrderLine>,
    /// Whether a line may be spread over several batches.
    pub split: bool,
}

/// Ends the holds of orders whose deadline has passed. The service sends it to itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpireHolds {
    /// The instant at which they are due: the decision is taken at it.
    pub at: Timestamp,
    /// The products whose earliest deadline is to be determined again.
    pub skus: BTreeSet<Sku>,
    /// The orders. An order that is not due, or is no longer held, is left unchanged.
    pub orders: BTreeSet<OrderId>,
}

/// Tells what the day alone has changed of a product: batches that are overdue, and lines on them that can't leave by the
/// day they are required by. The service sends it to itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassDay {
    /// Which product.
    pub sku: Sku,
    /// The day.
    pub today: Date,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Names a product or sets its safety stock.
    PutProduct(PutProduct),
    /// Creates a batch.
    CreateBatch(CreateBatch),
    /// Changes the quantity or the ETA of a batch.
    ChangeBatch(ChangeBatch),
    /// Records that a batch has arrived, or a part of it: that is in the warehouse.
    ReceiveBatch {
        /// Which batch.
        reference: Reference,
        /// What has arrived of it.
        delivery: Delivery,
    },
    /// Undoes the receipt of a batch: it is expected as it was before.
    UndoReceipt(Reference),
    /// Cancels a batch: only what has been dispatched from it remains.
    CancelBatch(Reference),
    /// Allocates one line.
    Allocate(Allocate),
    /// Places an order.
    PlaceOrder(PlaceOrder),
    /// Replaces a held order: places it again under its id, with other lines.
    ReplaceOrder(PlaceOrder),
    /// Makes a held order firm.
    ConfirmOrder(ConfirmOrder),
    /// Changes the terms of an order.
    ChangeOrder(ChangeOrder),
    /// Changes how many units a line wants.
    ChangeLineQuantity {
        /// Which line.
        key: LineKey,
        /// How many it wants now.
        quantity: Quantity,
    },
    /// Cancels one line.
    CancelLine(LineKey),
    /// Cancels every line of an order.
    CancelOrder(OrderId),
    /// Records that units of lines leave the building.
    Dispatch(Dispatch),
    /// Undoes a dispatch: the units of lines are allocated again.
    UndoDispatch {
        /// Which order.
        order: OrderId,
        /// Which of its lines; `None`: all that were dispatched.
        lines: Option<BTreeSet<LineId>>,
    },
    /// Asks what placing an order would give.
    Quote(Quote),
    /// Ends holds whose deadline has passed. The service sends it to itself.
    ExpireHolds(ExpireHolds),
    /// Moves every line of a product to better stock that gets an earlier date by it.
    Reallocate(Sku),
    /// Tells what the day alone has changed of a product. The service sends it to itself.
    PassDay(PassDay),
    /// Continues the work on a product where an earlier transaction stopped. The service sends it to itself.
    Continue(Sku),
}

impl Command {
    /// The batch that it changes, if it is about one that exists.
    #[must_use]
    pub const fn changed_batch(&self) -> Option<&Reference> {
        match self {
            Self::ChangeBatch(ChangeBatch { reference, .. })
            | Self::ReceiveBatch { reference, .. }
            | Self::UndoReceipt(reference)
            | Self::CancelBatch(reference) => Some(reference),
            _ => None,
        }
    }

    /// The order that it changes, if it is about one that exists or that it replaces.
    #[must_use]
    pub const fn changed_order(&self) -> Option<&OrderId> {
        match self {
            Self::ReplaceOrder(place) => Some(place.order()),
            Self::ConfirmOrder(ConfirmOrder { order, .. })
            | Self::ChangeOrder(ChangeOrder { order, .. })
            | Self::ChangeLineQuantity {
                key: LineKey { order, .. },
                ..
            }
            | Self::CancelLine(LineKey { order, .. })
            | Self::CancelOrder(order)
            | Self::Dispatch(Dispatch { order, .. })
            | Self::UndoDispatch { order, .. } => Some(order),
            _ => None,
        }
    }

    /// The command's name: in metrics, and where a transport sends it by name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PutProduct(_) => "put_product",
            Self::CreateBatch(_) => "create_batch",
            Self::ChangeBatch(_) => "change_batch",
            Self::ReceiveBatch { .. } => "receive_batch",
            Self::UndoReceipt(_) => "undo_receipt",
            Self::CancelBatch(_) => "cancel_batch",
            Self::Allocate(_) => "allocate",
            Self::PlaceOrder(_) => "place_order",
            Self::ReplaceOrder(_) => "replace_order",
            Self::ConfirmOrder(_) => "confirm_order",
            Self::ChangeOrder(_) => "change_order",
            Self::ChangeLineQuantity { .. } => "change_line",
            Self::CancelLine(_) => "cancel_line",
            Self::CancelOrder(_) => "cancel_order",
            Self::Dispatch(_) => "dispatch_order",
            Self::UndoDispatch { .. } => "undo_dispatch",
            Self::Quote(_) => "quote",
            Self::ExpireHolds(_) => "expire_holds",
            Self::Reallocate(_) => "reallocate",
            Self::PassDay(_) => "pass_day",
            Self::Continue(_) => "continue",
        }
    }

    /// Whether it can share a transaction with other commands. A command that can't has a scope that is only right for
    /// the state before the transaction.
    #[must_use]
    pub const fn is_joinable(&self) -> bool {
        match self {
            Self::ExpireHolds(_) | Self::Reallocate(_) | Self::PassDay(_) | Self::Continue(_) => false,
            Self::PutProduct(_)
            | Self::CreateBatch(_)
            | Self::ChangeBatch(_)
            | Self::ReceiveBatch { .. }
            | Self::UndoReceipt(_)
            | Self::CancelBatch(_)
            | Self::Allocate(_)
            | Self::PlaceOrder(_)
            | Self::ReplaceOrder(_)
            | Self::ConfirmOrder(_)
            | Self::ChangeOrder(_)
            | Self::ChangeLineQuantity { .. }
            | Self::CancelLine(_)
            | Self::CancelOrder(_)
            | Self::Dispatch(_)
            | Self::UndoDispatch { .. }
            | Self::Quote(_) => true,
        }
    }

    /// Whether it may free or add stock, and so leave work on its products that has to be continued.
    #[must_use]
    pub const fn may_leave_work(&self) -> bool {
        !matches!(
            self,
            Self::Allocate(_)
                | Self::PlaceOrder(_)
                | Self::Dispatch(_)
                | Self::UndoDispatch { .. }
                | Self::Quote(_)
                | Self::PassDay(_)
        )
    }

    /// How many lines it names, at least 1: a measure of the work it adds to a transaction.
    #[must_use]
    pub fn weight(&self) -> usize {
        match self {
            Self::PlaceOrder(place) | Self::ReplaceOrder(place) => place.lines().len(),
            Self::Quote(quote) => quote.lines.len().max(1),
            _ => 1,
        }
    }

    /// A name that commands on the same data are likely to share: the SKU if it names one, else the batch or the order.
    #[must_use]
    pub fn foremost_name(&self) -> &str {
        match self {
            Self::PutProduct(put) => put.sku.as_str(),
            Self::Reallocate(sku) | Self::Continue(sku) | Self::PassDay(PassDay { sku, .. }) => sku.as_str(),
            Self::CreateBatch(create) => create.sku.as_str(),
            Self::ChangeBatch(ChangeBatch { reference, .. })
            | Self::ReceiveBatch { reference, .. }
            | Self::UndoReceipt(reference)
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
            | Self::ChangeOrder(ChangeOrder { order, .. })
            | Self::CancelOrder(order)
            | Self::Dispatch(Dispatch { order, .. })
            | Self::UndoDispatch { order, .. } => order.as_str(),
        }
    }
}
