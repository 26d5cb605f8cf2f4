//! Scopes: what a command touches, and so what a store must lock and load before the command can be decided.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::command::{ChangeBatch, Command, ConfirmOrder};
use crate::language::message::MessageId;
use crate::language::name::{LineKey, OrderId, Reference, Sku};
use crate::language::quantity::Count;
use crate::records::pending_change::{PendingStep, ReleasePosition};
use crate::records::product::ProductRecord;

/// How many waiting lines of each product one transaction tries. A follow-up transaction serves the rest.
///
/// This bounds the time a transaction holds its locks: some hundred lines are a few milliseconds of work.
pub const BACKLOG_PAGE: usize = 200;

/// How many lines of a batch that changes one transaction goes through. A follow-up transaction goes through the rest.
///
/// The bound has the same reason as [`BACKLOG_PAGE`].
pub const CHANGE_PAGE: usize = 200;

/// How many batches with available units are read of a product, in preference order, unless a decision needs all of
/// them.
///
/// Most lines fit the first few batches. So a decision on a product with a thousand batches costs no more than on one
/// with ten.
pub const BATCH_PAGE: usize = 16;

/// How much of the backlog of its products a command may serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum BacklogNeed {
    /// None: it frees no stock.
    #[default]
    None,
    /// The first [`BACKLOG_PAGE`] lines in order of service: it may free stock.
    FromStart,
    /// The page after the product's `resume_after`: it continues where an earlier transaction stopped.
    Resume,
}

/// Which lines of a batch are read, no more than [`CHANGE_PAGE`] of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseLines {
    /// The lines that leave first, by release rank (ties: the latest allocated, then the last in order of service),
    /// until they hold as many units as the batch has committed beyond this quantity.
    Beyond(Count),
    /// All lines with units in the batch, in the same order: the promise date of each may change.
    All,
    /// The lines with units in the batch in the opposite order: those that leave last, from the one before this
    /// position on.
    LastFirst {
        /// The position; `None`: from the last on.
        after: Option<ReleasePosition>,
    },
}

/// Lines that may have to leave a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseScope {
    /// The batch that changes.
    pub batch: Reference,
    /// Which of its lines are read.
    pub lines: ReleaseLines,
}

/// What a command touches.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Products: the record, and the first [`BATCH_PAGE`] batches with available units, in preference order.
    pub skus: BTreeSet<Sku>,
    /// Products of which all batches with available units are read, if the scope touches them: a decision on the first
    /// page of batches found too few units.
    pub all_batches_of: BTreeSet<Sku>,
    /// Lines, by their identity.
    pub lines: BTreeSet<LineKey>,
    /// Orders: the header, all lines, and the products of all lines.
    pub orders: BTreeSet<OrderId>,
    /// Whether to read what the lines of these orders have dispatched, with the batches it left.
    pub dispatches: bool,
    /// Batches by reference, and their products.
    pub batches: BTreeSet<Reference>,
    /// How much of the backlog to read, for every product in the scope.
    pub backlog: BacklogNeed,
    /// The lines that may have to leave a batch that changes. The batch is in `batches` too.
    pub release: Option<ReleaseScope>,
    /// Whether to continue the pending change of the product in `skus`: see [`release_of`](Self::release_of).
    pub pending_change: bool,
    /// Products of which to read the next deadline. They are in `skus` too.
    pub holds: BTreeSet<Sku>,
    /// The messages that carried the commands: the store returns those that were processed before.
    pub messages: BTreeSet<MessageId>,
}

impl Scope {
    /// What these commands touch together. If there are several, each must be
    /// [joinable](Command::is_joinable).
    #[must_use]
    pub fn of<'c>(commands: impl IntoIterator<Item = &'c Command>) -> Self {
        // Collected first and sorted once: inserting into a set name by name costs several times as much.
        let (mut skus, mut lines, mut orders, mut batches) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut backlog, mut release) = (BacklogNeed::None, None);
        let (mut dispatches, mut pending_change, mut holds) = (false, false, BTreeSet::new());
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
                Command::ContinueChange(sku) => {
                    skus.push(sku.clone());
                    pending_change = true;
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
            pending_change,
            holds,
            messages: BTreeSet::new(),
        }
    }

    /// The lines that may have to leave a batch: those the scope names, or those that the pending change of its product
    /// goes through next. The batch has to be read too.
    #[must_use]
    pub fn release_of(&self, products: &[ProductRecord]) -> Option<ReleaseScope> {
        if !self.pending_change {
            return self.release.clone();
        }
        let change = products.iter().find_map(|product| product.pending_change.as_ref())?;
        Some(ReleaseScope {
            batch: change.batch().clone(),
            lines: match &change.step {
                PendingStep::Release { to, .. } => ReleaseLines::Beyond(*to),
                PendingStep::Redate { after, .. } => ReleaseLines::LastFirst { after: after.clone() },
            },
        })
    }
}

impl Command {
    /// What it touches.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::of([self])
    }
}
