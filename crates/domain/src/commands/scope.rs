//! Scopes: what a command touches, and so what a store must lock and load before the command can be decided.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use jiff::civil::Date;

use super::command::{ChangeBatch, ChangeOrder, Command, ConfirmOrder, Dispatch, PassDay};
use super::delivery::Delivery;
use super::place_order::OrderLine;
use crate::language::locations::Locations;
use crate::language::message::MessageId;
use crate::language::name::{LineKey, Location, OrderId, Reference, Sku};
use crate::language::precedence::ServicePosition;
use crate::language::quantity::Count;
use crate::promising::Improve;
use crate::records::pending::{Pending, PendingStep, ReleasePosition};
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

/// How many lines that may move to better stock one transaction goes through. A follow-up transaction goes through the
/// rest.
///
/// The bound has the same reason as [`BACKLOG_PAGE`].
pub const IMPROVEMENT_PAGE: usize = 200;

/// A page of the backlog of a product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BacklogScope {
    /// The last line before the page, in order of service; `None`: it is the first page.
    pub after: Option<ServicePosition>,
    /// Whether to leave out the lines that want more units than the product has available, or, if they may not be split,
    /// than one of its batches has: they can't be served.
    pub fitting: bool,
}

/// A page of the lines of a product that may move to better stock: they have units in batches that have not arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImprovementScope {
    /// The product.
    pub sku: Sku,
    /// The last line before the page, in order of service; `None`: it is the first page.
    pub after: Option<ServicePosition>,
    /// Whether only those are read that [may be at risk](crate::LineRecord::may_be_at_risk).
    pub at_risk: bool,
}

/// Which lines of a batch are read.
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
    /// Other orders, which lines are added to: the header, and the states of their lines.
    pub joined: BTreeSet<OrderId>,
    /// Whether to read the batches that dispatched units of these orders have left. What has left of a line is always
    /// read with it.
    pub dispatches: bool,
    /// Batches by reference, and their products.
    pub batches: BTreeSet<Reference>,
    /// Locations that lines name: the store returns those that are known.
    pub locations: BTreeSet<Location>,
    /// Whether to read the first [`BACKLOG_PAGE`] lines of the backlog, in order of service, of every product in the
    /// scope: stock may be freed.
    pub backlog: bool,
    /// The lines that may have to leave batches that change, in the order of the commands: the first [`CHANGE_PAGE`] of
    /// them all together. The batches are in `batches` too.
    pub releases: Vec<ReleaseScope>,
    /// Whether to continue the pending work of the product in `skus`. What is read for it follows from the product: see
    /// [`releases_of`](Self::releases_of), [`backlog_of`](Self::backlog_of) and
    /// [`improvement_of`](Self::improvement_of).
    pub continues: bool,
    /// Whether to read the lines of the product in `skus` that may move to better stock.
    pub reallocates: bool,
    /// The day that has come for the product in `skus`, to read what it changes: the batches whose ETA lies before it
    /// (overdue ones that were told apart), and the first [`CHANGE_PAGE`] lines that have units in such a batch and are
    /// due by this day.
    pub day: Option<Date>,
    /// Products of which to read the next deadline. They are in `skus` too.
    pub holds: BTreeSet<Sku>,
    /// The messages that carried the commands: the store returns those that were processed before.
    pub messages: BTreeSet<MessageId>,
}

impl ReleaseLines {
    /// What is read of a batch that two commands change: as much as either needs, as long as all of it fits a page. A
    /// command that needs more is decided alone.
    fn joined(self, other: Self) -> Self {
        match (self, other) {
            (Self::Beyond(one), Self::Beyond(other)) => Self::Beyond(one.min(other)),
            (one, other) if one == other => one,
            _ => Self::All,
        }
    }
}

impl Scope {
    /// What these commands touch together. If there are several, each must be
    /// [joinable](Command::is_joinable).
    #[must_use]
    pub fn of<'c>(commands: impl IntoIterator<Item = &'c Command>) -> Self {
        // Collected first and sorted once: inserting into a set name by name costs several times as much.
        let (mut skus, mut lines, mut orders, mut batches) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (mut backlog, mut releases) = (false, Vec::<ReleaseScope>::new());
        let (mut dispatches, mut continues, mut reallocates) = (false, false, false);
        let (mut day, mut holds, mut locations, mut joined) = (None, BTreeSet::new(), BTreeSet::new(), Vec::new());
        for command in commands {
            let mut frees = true;
            let mut change = |batch: &Reference, lines| {
                batches.push(batch.clone());
                match releases.iter_mut().find(|release| release.batch == *batch) {
                    Some(release) => release.lines = release.lines.clone().joined(lines),
                    None => releases.push(ReleaseScope {
                        batch: batch.clone(),
                        lines,
                    }),
                }
            };
            match command {
                Command::PutProduct(put) => {
                    skus.push(put.sku.clone());
                    if put.safety_stock.is_none() {
                        frees = false;
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
                Command::ReceiveBatch {
                    reference,
                    delivery: Delivery::Part { rest, .. },
                } => {
                    change(reference, ReleaseLines::LastFirst { after: None });
                    batches.extend(rest.references(reference));
                }
                Command::ChangeBatch(ChangeBatch { reference, .. })
                | Command::ReceiveBatch { reference, .. }
                | Command::UndoReceipt(reference)
                | Command::CancelBatch(reference) => change(reference, ReleaseLines::All),
                Command::Allocate(allocate) => {
                    skus.push(allocate.line.sku.clone());
                    lines.push(allocate.line.key.clone());
                    joined.push(allocate.line.key.order.clone());
                    locations.extend(allocate.locations.as_slice().iter().cloned());
                    frees = false;
                }
                Command::PlaceOrder(place) => {
                    skus.extend(place.lines().iter().map(|line| line.sku.clone()));
                    orders.push(place.order().clone());
                    locations.extend(named_in(place.lines()));
                    frees = false;
                }
                Command::ReplaceOrder(place) => {
                    skus.extend(place.lines().iter().map(|line| line.sku.clone()));
                    orders.push(place.order().clone());
                    locations.extend(named_in(place.lines()));
                }
                Command::ChangeOrder(ChangeOrder { order, change }) => {
                    orders.push(order.clone());
                    locations.extend(change.locations.iter().flat_map(Locations::as_slice).cloned());
                }
                Command::ConfirmOrder(ConfirmOrder { order, .. })
                | Command::ChangeLineQuantity {
                    key: LineKey { order, .. },
                    ..
                }
                | Command::CancelLine(LineKey { order, .. })
                | Command::CancelOrder(order) => orders.push(order.clone()),
                Command::Dispatch(Dispatch { order, .. }) => {
                    orders.push(order.clone());
                    frees = false;
                }
                Command::UndoDispatch { order, .. } => {
                    orders.push(order.clone());
                    dispatches = true;
                    frees = false;
                }
                Command::Quote(quote) => {
                    skus.extend(quote.lines.iter().map(|line| line.sku.clone()));
                    locations.extend(named_in(&quote.lines));
                    frees = false;
                }
                Command::ExpireHolds(expire) => {
                    skus.extend(expire.skus.iter().cloned());
                    holds.extend(expire.skus.iter().cloned());
                    orders.extend(expire.orders.iter().cloned());
                }
                Command::Reallocate(sku) => {
                    skus.push(sku.clone());
                    reallocates = true;
                    frees = false;
                }
                Command::PassDay(PassDay { sku, today }) => {
                    skus.push(sku.clone());
                    day = Some(*today);
                    frees = false;
                }
                Command::Continue(sku) => {
                    skus.push(sku.clone());
                    continues = true;
                    frees = false;
                }
            }
            backlog |= frees;
        }
        let orders: BTreeSet<OrderId> = orders.into_iter().collect();
        joined.retain(|order| !orders.contains(order));
        Self {
            skus: skus.into_iter().collect(),
            all_batches_of: BTreeSet::new(),
            lines: lines.into_iter().collect(),
            orders,
            joined: joined.into_iter().collect(),
            batches: batches.into_iter().collect(),
            locations,
            dispatches,
            backlog,
            releases,
            continues,
            reallocates,
            day,
            holds,
            messages: BTreeSet::new(),
        }
    }

    /// The lines that may have to leave batches: those the scope names, or those that the pending change of its product
    /// goes through next. The batches have to be read too.
    #[must_use]
    pub fn releases_of(&self, products: &[ProductRecord]) -> Vec<ReleaseScope> {
        if !self.continues {
            return self.releases.clone();
        }
        let Some(Pending::Change(change)) = products.iter().find_map(|product| product.pending.as_ref()) else {
            return Vec::new();
        };
        Vec::from([ReleaseScope {
            batch: change.batch().clone(),
            lines: match &change.step {
                PendingStep::Release { to, .. } => ReleaseLines::Beyond(*to),
                PendingStep::Redate { after } | PendingStep::Divide { after, .. } => {
                    ReleaseLines::LastFirst { after: after.clone() }
                }
            },
        }])
    }

    /// The page of a product's backlog that is read; `None`: nothing of it.
    #[must_use]
    pub fn backlog_of(&self, product: &ProductRecord) -> Option<BacklogScope> {
        let first = BacklogScope {
            after: None,
            fitting: false,
        };
        match &product.pending {
            _ if !self.continues => self.backlog.then_some(first),
            Some(Pending::Change(_)) => Some(first),
            Some(Pending::Backlog { after, .. }) => Some(BacklogScope {
                after: after.clone(),
                // Nothing else is decided in the transaction that could free more units.
                fitting: true,
            }),
            Some(Pending::Improvement(_)) | None => None,
        }
    }

    /// The page of lines that may move to better stock, of the products that were read.
    #[must_use]
    pub fn improvement_of(&self, products: &[ProductRecord]) -> Option<ImprovementScope> {
        products.iter().find_map(|product| {
            let (after, improve) = match &product.pending {
                None if self.reallocates => (None, Improve::All),
                Some(Pending::Improvement(pending)) if self.continues => (pending.after.clone(), pending.improve),
                _ => return None,
            };
            Some(ImprovementScope {
                sku: product.sku.clone(),
                after,
                at_risk: improve == Improve::AtRisk,
            })
        })
    }
}

/// The locations that lines name.
fn named_in(lines: &[OrderLine]) -> impl Iterator<Item = Location> {
    lines.iter().flat_map(|line| line.locations.as_slice()).cloned()
}

impl Command {
    /// What it touches.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::of([self])
    }
}
