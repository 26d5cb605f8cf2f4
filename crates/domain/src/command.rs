//! Commands: what can be asked of the books.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use jiff::civil::Date;

use crate::line::Wish;
use crate::name::{LineId, LineKey, Location, OrderId, ProductName, Reference, Sku};
use crate::quantity::{Count, Quantity};
use crate::scope::Scope;

/// The most lines one order may have: the lines of an order are decided and stored in one transaction.
pub const MAX_LINES_PER_ORDER: usize = 2_000;

/// What becomes of an order line that does not fit, when it is placed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnShortage {
    /// It is refused; nothing of it is kept.
    #[default]
    Reject,
    /// It waits in the backlog.
    Backorder,
}

/// What becomes of the lines of an order that do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnOrderShortage {
    /// The whole order is refused.
    #[default]
    Reject,
    /// They wait in the backlog.
    Backorder,
    /// They are refused, the others are allocated; if nothing fits, the order is refused.
    Partial,
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

/// Allocates one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocate {
    /// The line.
    pub wish: Wish,
    /// What becomes of it when it does not fit.
    pub on_shortage: OnShortage,
    /// Whether it may be spread over several batches.
    pub split: bool,
}

/// Why a set of lines is no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderLinesError {
    /// There is no line.
    #[error("must have at least one line")]
    Empty,
    /// There are more than [`MAX_LINES_PER_ORDER`].
    #[error("must have at most 2000 lines, has {0}")]
    TooMany(usize),
    /// Two lines share an id.
    #[error("line id {0} stands twice; lines of one SKU need a line_id each")]
    Twice(LineId),
}

/// One line of an order to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderLine {
    /// Its id within the order.
    pub line: LineId,
    /// The product.
    pub sku: Sku,
    /// How many units.
    pub quantity: Quantity,
}

/// Places an order: all of its lines in one transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    order: OrderId,
    lines: Vec<OrderLine>,
    on_shortage: OnOrderShortage,
    split: bool,
}

impl PlaceOrder {
    /// An order with these lines, to be tried in this order.
    ///
    /// # Errors
    /// [`OrderLinesError`] when there is no line, there are too many, or two share an id.
    pub fn new(
        order: OrderId,
        lines: Vec<OrderLine>,
        on_shortage: OnOrderShortage,
        split: bool,
    ) -> Result<Self, OrderLinesError> {
        if lines.is_empty() {
            return Err(OrderLinesError::Empty);
        }
        if lines.len() > MAX_LINES_PER_ORDER {
            return Err(OrderLinesError::TooMany(lines.len()));
        }
        let mut seen = BTreeSet::new();
        if let Some(twice) = lines.iter().find(|line| !seen.insert(&line.line)) {
            return Err(OrderLinesError::Twice(twice.line.clone()));
        }
        Ok(Self {
            order,
            lines,
            on_shortage,
            split,
        })
    }

    /// Which order.
    #[must_use]
    pub const fn order(&self) -> &OrderId {
        &self.order
    }

    /// Its lines, in the order they are tried.
    #[must_use]
    pub fn lines(&self) -> &[OrderLine] {
        &self.lines
    }

    /// What becomes of lines that do not fit.
    #[must_use]
    pub const fn on_shortage(&self) -> OnOrderShortage {
        self.on_shortage
    }

    /// Whether a line may be spread over several batches.
    #[must_use]
    pub const fn split(&self) -> bool {
        self.split
    }

    pub(crate) fn key(&self, line: &OrderLine) -> LineKey {
        LineKey {
            order: self.order.clone(),
            line: line.line.clone(),
        }
    }
}

/// All that can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Names a product, and creates it when the SKU is new.
    NameProduct {
        /// Which product.
        sku: Sku,
        /// Its name from now on.
        name: ProductName,
    },
    /// Creates a batch.
    CreateBatch(CreateBatch),
    /// Counts a batch: its quantity changes, up or down.
    ChangeBatchQuantity {
        /// Which batch.
        reference: Reference,
        /// What was counted.
        quantity: Count,
    },
    /// Allocates one line.
    Allocate(Allocate),
    /// Places an order.
    PlaceOrder(PlaceOrder),
    /// Cancels one line.
    CancelLine(LineKey),
    /// Cancels every line of an order.
    CancelOrder(OrderId),
    /// Goes on serving a backlog where an earlier transaction stopped. Asked by the service itself.
    ServeBacklog(Sku),
}

impl Command {
    /// The command's name, for those who count.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NameProduct { .. } => "name_product",
            Self::CreateBatch(_) => "create_batch",
            Self::ChangeBatchQuantity { .. } => "change_batch_quantity",
            Self::Allocate(_) => "allocate",
            Self::PlaceOrder(_) => "place_order",
            Self::CancelLine(_) => "cancel_line",
            Self::CancelOrder(_) => "cancel_order",
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
        !matches!(self, Self::ChangeBatchQuantity { .. } | Self::ServeBacklog(_))
    }

    /// A name that commands on the same things are likely to share: that of a product where it names one, else of a
    /// batch or an order.
    #[must_use]
    pub fn foremost_name(&self) -> &str {
        match self {
            Self::NameProduct { sku, .. } | Self::ServeBacklog(sku) => sku.as_str(),
            Self::CreateBatch(create) => create.sku.as_str(),
            Self::ChangeBatchQuantity { reference, .. } => reference.as_str(),
            Self::Allocate(allocate) => allocate.wish.sku.as_str(),
            Self::PlaceOrder(place) => {
                let least = place.lines.iter().map(|line| line.sku.as_str()).min();
                least.unwrap_or(place.order.as_str())
            }
            Self::CancelLine(key) => key.order.as_str(),
            Self::CancelOrder(order) => order.as_str(),
        }
    }
}
