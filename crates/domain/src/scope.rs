//! Scopes: what a command touches, and so what a store must lock and read before it can be decided.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::command::{ChangeBatch, Command, ConfirmOrder};
use crate::message::MessageId;
use crate::name::{LineKey, OrderId, Reference, Sku};
use crate::quantity::Count;

/// How many waiting lines one transaction looks at, for each product: what is left is served by a follow-up.
///
/// Bounds the time a transaction holds its locks: some hundred lines are a few milliseconds of work.
pub const BACKLOG_PAGE: usize = 200;

/// How many batches with something available are read of a product, in preference order, unless a decision has asked
/// for all of them.
///
/// Most lines fit the first few. A product with a thousand batches then costs a decision no more than one with ten.
pub const BATCH_PAGE: usize = 16;

/// How much of the backlog of its products a command may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum BacklogNeed {
    /// It frees no stock: none.
    #[default]
    None,
    /// It may free stock: the first [`BACKLOG_PAGE`] lines in order of service.
    FromStart,
    /// It goes on where an earlier transaction stopped: the page after the product's `resume_after`.
    Resume,
}

/// Which lines of a batch are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReleaseLines {
    /// Those that leave first, by claim (ties: the latest allocated, then the latest turn), until the units they hold
    /// there reach what exceeds this quantity.
    Beyond(Count),
    /// All that hold units there: each may be told of another date.
    All,
}

/// Lines that may have to leave a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseScope {
    /// The batch that changes.
    pub batch: Reference,
    /// Which of its lines.
    pub lines: ReleaseLines,
}

/// What a command touches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Products: the record, and the first [`BATCH_PAGE`] batches with something available, in preference order.
    pub skus: BTreeSet<Sku>,
    /// Products, should they be touched, of which all batches with something available are read: a decision on the first
    /// of them found too little.
    pub all_batches_of: BTreeSet<Sku>,
    /// Lines, by their identity.
    pub lines: BTreeSet<LineKey>,
    /// Orders: the header, all lines, and the products of all lines.
    pub orders: BTreeSet<OrderId>,
    /// Whether what the lines of these orders had dispatched is to be read, with the batches it left.
    pub dispatches: bool,
    /// Batches by reference, and their products.
    pub batches: BTreeSet<Reference>,
    /// How much of the backlog, for every product in the scope.
    pub backlog: BacklogNeed,
    /// The lines to release from a batch that changes. The batch stands in `batches` too.
    pub release: Option<ReleaseScope>,
    /// Products of which the next deadline is to be found. They stand in `skus` too.
    pub holds: BTreeSet<Sku>,
    /// Messages that carried the commands: the store says which were processed before.
    pub messages: BTreeSet<MessageId>,
}

impl Scope {
    /// What these commands touch between them. Where there are several, each of them
    /// [is joinable](Command::is_joinable).
    #[must_use]
    pub fn of<'c>(commands: impl IntoIterator<Item = &'c Command>) -> Self {
        // Gathered first and sorted once: a set that grows name by name costs several times as much.
        let (mut skus, mut lines, mut orders, mut batches) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut backlog, mut release) = (BacklogNeed::None, None);
        let (mut dispatches, mut holds) = (false, BTreeSet::new());
        for command in commands {
            let mut need = BacklogNeed::FromStart;
            let mut change = |batch: &Reference, lines| {
                batches.push(batch.clone());
                let batch = batch.clone();
                release = Some(ReleaseScope { batch, lines });
            };
            match command {
                Command::PutProduct(put) => {
                    skus.push(put.sku.clone());
                    if put.safety_stock.is_none() {
                        need = BacklogNeed::None;
                    }
                }
                Command::CreateBatch(create) => {
                    skus.push(create.sku.clone());
                    batches.push(create.reference.clone());
                }
                Command::ChangeBatch(ChangeBatch {
                    reference,
                    quantity: Some(quantity),
                    eta: None,
                }) => change(reference, ReleaseLines::Beyond(*quantity)),
                Command::ChangeBatch(ChangeBatch { reference, .. })
                | Command::ReceiveBatch { reference, .. }
                | Command::CancelBatch(reference) => change(reference, ReleaseLines::All),
                Command::Allocate(allocate) => {
                    skus.push(allocate.line.sku.clone());
                    lines.push(allocate.line.key.clone());
                    need = BacklogNeed::None;
                }
                Command::PlaceOrder(place) => {
                    skus.extend(place.lines().iter().map(|line| line.sku.clone()));
                    orders.push(place.order().clone());
                    need = BacklogNeed::None;
                }
                Command::ReplaceOrder(place) => {
                    skus.extend(place.lines().iter().map(|line| line.sku.clone()));
                    orders.push(place.order().clone());
                }
                Command::ConfirmOrder(ConfirmOrder { order, .. })
                | Command::ChangeLineQuantity {
                    key: LineKey { order, .. },
                    ..
                }
                | Command::CancelLine(LineKey { order, .. })
                | Command::CancelOrder(order) => orders.push(order.clone()),
                Command::Dispatch { order, .. } => {
                    orders.push(order.clone());
                    need = BacklogNeed::None;
                }
                Command::UndoDispatch { order, .. } => {
                    orders.push(order.clone());
                    dispatches = true;
                    need = BacklogNeed::None;
                }
                Command::Quote(quote) => {
                    skus.extend(quote.lines.iter().map(|line| line.sku.clone()));
                    need = BacklogNeed::None;
                }
                Command::ExpireHolds(expire) => {
                    skus.extend(expire.skus.iter().cloned());
                    holds.extend(expire.skus.iter().cloned());
                    orders.extend(expire.orders.iter().cloned());
                }
                Command::ServeBacklog(sku) => {
                    skus.push(sku.clone());
                    need = BacklogNeed::Resume;
                }
            }
            backlog = backlog.max(need);
        }
        Self {
            skus: skus.into_iter().collect(),
            all_batches_of: BTreeSet::new(),
            lines: lines.into_iter().collect(),
            orders: orders.into_iter().collect(),
            batches: batches.into_iter().collect(),
            dispatches,
            backlog,
            release,
            holds,
            messages: BTreeSet::new(),
        }
    }
}
