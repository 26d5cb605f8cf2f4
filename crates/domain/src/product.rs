//! Products: the aggregate root. Every promise of a SKU's units is made, moved and ended here.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::batch::{Batch, promise_date};
use crate::command::CreateBatch;
use crate::draft::Draft;
use crate::event::{DeallocationReason, Event, Fact, Kept, LineTerms, MoveReason, Occasion, Subject};
use crate::line::{Line, LineState, Part, Standing, Turn};
use crate::name::{LineKey, ProductName, Reference, Sku};
use crate::outcome::{Effects, LineView, Moved};
use crate::quantity::{Count, Units};
use crate::record::{BatchRecord, Preference, ProductRecord};

/// How far the backlog was read, and so what may be said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Reach {
    /// Not at all: no command of this transaction frees stock.
    Unread,
    /// To its end.
    Whole,
    /// To this turn; more wait behind it.
    Until(Turn),
}

/// The part of the backlog that is at hand, in order of service.
#[derive(Debug, Clone)]
struct Backlog {
    waiting: BTreeSet<Turn>,
    reach: Reach,
}

impl Backlog {
    const fn new(reach: Reach) -> Self {
        Self {
            waiting: BTreeSet::new(),
            reach,
        }
    }

    /// Adds a line, unless its turn lies where the backlog was not read: it is served with the lines there.
    fn join(&mut self, turn: Turn) {
        let at_hand = match &self.reach {
            Reach::Unread => false,
            Reach::Whole => true,
            Reach::Until(last) => turn <= *last,
        };
        if at_hand {
            self.waiting.insert(turn);
        }
    }

    fn leave(&mut self, turn: &Turn) {
        self.waiting.remove(turn);
    }
}

/// A product: a SKU, an optional name, its batches, its backlog, and a version that rises with each event.
///
/// At hand is what the transaction's scope names, not the whole past: batches with something available, the lines that
/// commands touch with the batches they lie in, and a page of the backlog.
#[derive(Debug, Clone)]
pub struct Product {
    record: ProductRecord,
    /// As it was read; `None` for a product made in this transaction.
    stored: Option<ProductRecord>,
    /// In preference order.
    batches: Vec<Batch>,
    /// The last batch that is offered to lines; behind it others have something available that were not read. `None`:
    /// all of them are at hand.
    offer_ends: Option<Preference>,
    /// Whether a line did not fit what is offered, while there is more that was not read: nothing decided since holds.
    starved: bool,
    lines: BTreeMap<LineKey, Line>,
    backlog: Backlog,
    /// Where each line stood before the command that is being decided, in the order they were touched.
    touched: Vec<(LineKey, Option<Standing>)>,
    /// What happened and is not yet handed to the ledger.
    events: Vec<Event>,
}

impl Product {
    /// A product seen for the first time.
    pub(crate) fn new(sku: Sku) -> Self {
        Self {
            record: ProductRecord {
                sku,
                name: None,
                version: 0,
                batches_created: 0,
                resume_after: None,
            },
            stored: None,
            batches: Vec::new(),
            offer_ends: None,
            starved: false,
            lines: BTreeMap::new(),
            backlog: Backlog::new(Reach::Whole),
            touched: Vec::new(),
            events: Vec::new(),
        }
    }

    /// A product as read from a store, as yet without batches and lines.
    pub(crate) fn stored(record: ProductRecord) -> Self {
        Self {
            stored: Some(record.clone()),
            backlog: Backlog::new(Reach::Unread),
            ..Self::new(record.sku.clone())
        }
        .with_record(record)
    }

    fn with_record(mut self, record: ProductRecord) -> Self {
        self.record = record;
        self
    }

    /// Adds a batch that was read. [`Product::sort`] follows the last one.
    pub(crate) fn add_stored_batch(&mut self, record: BatchRecord) {
        self.batches.push(Batch::stored(record));
    }

    /// Adds a line that was read; [`Product::read_backlog`] comes before.
    pub(crate) fn add_stored_line(&mut self, line: Line) {
        if line.state() == LineState::Backordered {
            self.backlog.join(line.turn());
        }
        self.lines.insert(line.key().clone(), line);
    }

    /// Says how far the backlog was read: `None` to its end.
    pub(crate) fn read_backlog(&mut self, until: Option<Turn>) {
        self.backlog.reach = until.map_or(Reach::Whole, Reach::Until);
    }

    /// Says that there are more batches with something available than were read.
    pub(crate) const fn cut_offer(&mut self, after: Preference) {
        self.offer_ends = Some(after);
    }

    /// Puts the batches in preference order.
    pub(crate) fn sort(&mut self) {
        self.batches.sort_by_key(Batch::preference);
    }

    /// Its SKU.
    #[must_use]
    pub const fn sku(&self) -> &Sku {
        &self.record.sku
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.record.version
    }

    /// What people call it.
    #[must_use]
    pub const fn name(&self) -> Option<&ProductName> {
        self.record.name.as_ref()
    }

    /// The batches at hand, in preference order.
    #[must_use]
    pub fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// A batch, if it is at hand.
    #[must_use]
    pub fn batch(&self, reference: &Reference) -> Option<&Batch> {
        self.batches.iter().find(|batch| batch.reference() == reference)
    }

    /// A line, if it is at hand.
    #[must_use]
    pub fn line(&self, key: &LineKey) -> Option<&Line> {
        self.lines.get(key)
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &Line> {
        self.lines.values()
    }

    pub(crate) const fn record(&self) -> &ProductRecord {
        &self.record
    }

    pub(crate) const fn as_stored(&self) -> Option<&ProductRecord> {
        self.stored.as_ref()
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }

    /// The batches that lines may be given stock from, in preference order. Those behind an offer that was cut are at
    /// hand for other reasons, and their turn has not come.
    fn offered(&self) -> &[Batch] {
        let end = self.offer_ends.map_or(self.batches.len(), |last| {
            self.batches.partition_point(|batch| batch.preference() <= last)
        });
        &self.batches[..end]
    }

    /// A draft on what is offered.
    pub(crate) fn draft(&self) -> Draft<'_> {
        Draft::new(self.offered())
    }

    /// Whether a line did not fit what was read of a longer offer: the decision has to be taken anew on all of it.
    pub(crate) const fn is_starved(&self) -> bool {
        self.starved
    }

    /// A line did not fit what is offered.
    fn found_no_room(&mut self) {
        self.starved |= self.offer_ends.is_some();
    }

    /// A line as it is shown.
    pub(crate) fn view(&self, line: &Line, today: Date) -> LineView {
        let allocations = line.standing().parts();
        LineView {
            key: line.key().clone(),
            sku: self.record.sku.clone(),
            quantity: line.quantity(),
            state: line.state(),
            promised_on: self.promise(&allocations, today),
            allocations,
        }
    }

    fn promise(&self, parts: &[Part], today: Date) -> Option<Date> {
        promise_date(
            parts.iter().filter_map(|part| self.batch(&part.batch)).map(Batch::eta),
            today,
        )
    }

    /// Names the product; `false` when it bears that name already.
    pub(crate) fn rename(&mut self, name: &ProductName, occasion: &Occasion) -> bool {
        if self.record.name.as_ref() == Some(name) {
            return false;
        }
        self.record.name = Some(name.clone());
        self.happened(Fact::ProductNamed { name: name.clone() }, occasion);
        true
    }

    /// Adds a batch and serves the backlog from it.
    pub(crate) fn create_batch(&mut self, create: &CreateBatch, occasion: &Occasion) -> Effects {
        self.record.batches_created += 1;
        let ordinal = self.record.batches_created;
        let batch = Batch::new(BatchRecord {
            reference: create.reference.clone(),
            sku: self.record.sku.clone(),
            location: create.location.clone(),
            ordinal,
            created_quantity: create.quantity,
            quantity: create.quantity.into(),
            allocated: Units::ZERO,
            dispatched: Units::ZERO,
            eta: create.eta,
        });
        let place = self
            .batches
            .partition_point(|other| other.preference() < batch.preference());
        self.batches.insert(place, batch);
        self.happened(
            Fact::BatchCreated {
                reference: create.reference.clone(),
                location: create.location.clone(),
                ordinal,
                quantity: create.quantity,
                eta: create.eta,
            },
            occasion,
        );
        self.serve_backlog(occasion.now);
        self.settle(None, occasion)
    }

    /// Counts a batch. Lines that no longer fit are released and placed anew, best first; what is free then serves the
    /// backlog. The quantity is not below what has been dispatched, and not what it was.
    pub(crate) fn count_batch(&mut self, reference: &Reference, to: Count, occasion: &Occasion) -> Effects {
        let batch = self.batch(reference).expect("the batch to count is at hand");
        let from = batch.quantity();
        let excess = batch.committed().saturating_sub(to.units());
        self.happened(
            Fact::BatchQuantityChanged {
                reference: reference.clone(),
                from,
                to,
            },
            occasion,
        );
        let released = self.to_release(reference, excess);
        for key in &released {
            self.stand(key, Standing::empty_handed(LineState::Backordered));
        }
        self.batch_mut(reference).count(to);
        for key in released.iter().rev() {
            let line = &self.lines[key];
            match self.draft().fit(line.quantity(), line.terms().split) {
                Ok(parts) => self.stand(key, Standing::allocated(parts, occasion.now)),
                Err(_) => self.found_no_room(),
            }
        }
        if to > from || !released.is_empty() {
            self.serve_backlog(occasion.now);
        }
        self.settle(Some(&MoveReason::BatchQuantityChanged(reference.clone())), occasion)
    }

    /// The lines that have to leave a batch so that it loses `excess` units, the first to go first.
    ///
    /// The most recently allocated go first, then the latest turn. No more than needed: of those chosen, the ones that
    /// still fit are put back, best first.
    fn to_release(&self, reference: &Reference, excess: Units) -> Vec<LineKey> {
        if excess.is_zero() {
            return Vec::new();
        }
        let mut held: Vec<_> = self
            .lines
            .values()
            .filter_map(|line| {
                let allocation = line.held_in(reference)?;
                Some((allocation.allocated_at, line.turn(), allocation.part.quantity.units()))
            })
            .collect();
        held.sort_by(|a, b| b.cmp(a));
        let mut freed = Units::ZERO;
        let mut chosen = Vec::new();
        for (_, turn, units) in held {
            if freed >= excess {
                break;
            }
            freed = freed.checked_add(units).expect("a batch's units are a sum");
            chosen.push((turn.key, units));
        }
        assert!(freed >= excess, "the lines to release are at hand");
        let mut spare = freed.saturating_sub(excess);
        let mut put_back = BTreeSet::new();
        for (key, units) in chosen.iter().rev() {
            if let Some(left) = spare.checked_sub(*units) {
                spare = left;
                put_back.insert(key.clone());
            }
        }
        chosen
            .into_iter()
            .map(|(key, _)| key)
            .filter(|key| !put_back.contains(key))
            .collect()
    }

    /// Places a line for the first time, where a draft found room for it.
    pub(crate) fn place(&mut self, terms: LineTerms, parts: Vec<Part>, occasion: &Occasion) {
        let key = terms.key.clone();
        self.lines.insert(
            key.clone(),
            Line::new(terms, Standing::empty_handed(LineState::Backordered)),
        );
        self.touched.push((key.clone(), None));
        self.stand(&key, Standing::allocated(parts, occasion.now));
    }

    /// Tells that a line did not fit, and keeps of it what is to be kept.
    pub(crate) fn fall_short(&mut self, terms: LineTerms, available: Units, kept: Kept, occasion: &Occasion) {
        self.found_no_room();
        self.happened(
            Fact::OutOfStock {
                line: terms.clone(),
                available,
                kept,
            },
            occasion,
        );
        let state = match kept {
            Kept::Nothing => return,
            Kept::Refused => LineState::Refused,
            Kept::Backordered => LineState::Backordered,
        };
        let key = terms.key.clone();
        if state == LineState::Backordered {
            self.backlog.join(terms.turn());
        }
        self.lines
            .insert(key.clone(), Line::new(terms, Standing::empty_handed(state)));
        self.touched.push((key, None));
    }

    /// Cancels a line: its stock is free, or it leaves the backlog. `false` when nothing of it stands.
    pub(crate) fn cancel(&mut self, key: &LineKey) -> bool {
        match self.lines[key].state() {
            LineState::Allocated | LineState::Backordered => {
                self.stand(key, Standing::empty_handed(LineState::Cancelled));
                true
            }
            LineState::Refused | LineState::Cancelled => false,
        }
    }

    /// Serves the backlog from stock that is free: in order of service, a line that does not fit is passed over. What
    /// was not read is owed: a later transaction goes on there.
    pub(crate) fn serve_backlog(&mut self, now: Timestamp) {
        assert!(
            self.backlog.reach != Reach::Unread,
            "a command that frees stock has read the backlog"
        );
        let mut available: Units = self.offered().iter().map(Batch::available).sum();
        let waiting: Vec<Turn> = self.backlog.waiting.iter().cloned().collect();
        for turn in waiting {
            if available.is_zero() {
                break;
            }
            let line = &self.lines[&turn.key];
            let wanted = line.quantity().units();
            if wanted > available {
                continue;
            }
            if let Ok(parts) = self.draft().fit(line.quantity(), line.terms().split) {
                self.stand(&turn.key, Standing::allocated(parts, now));
                available = available.saturating_sub(wanted);
            }
        }
        if !self.backlog.waiting.is_empty() {
            self.found_no_room();
        }
        let nothing_left = available.is_zero() && self.offer_ends.is_none();
        self.record.resume_after = match &self.backlog.reach {
            Reach::Until(last) if !nothing_left => Some(last.clone()),
            _ => None,
        };
    }

    /// Tells what the command did to each line: one net event a line, none for a line that stands where it stood.
    pub(crate) fn settle(&mut self, why: Option<&MoveReason>, occasion: &Occasion) -> Effects {
        let mut effects = Effects::default();
        let mut told = BTreeSet::new();
        for (key, before) in core::mem::take(&mut self.touched) {
            if !told.insert(key.clone()) {
                continue;
            }
            let line = &self.lines[&key];
            if before.as_ref() == Some(line.standing()) {
                continue;
            }
            let view = self.view(line, occasion.today());
            let fact = self.net_fact(line, before.as_ref(), why, occasion.today());
            match &fact {
                Some(Fact::Reallocated {
                    key,
                    from,
                    to,
                    promised_from,
                    promised_to,
                    ..
                }) => effects.reallocated.push(Moved {
                    key: key.clone(),
                    from: from.clone(),
                    to: to.clone(),
                    promised_from: *promised_from,
                    promised_to: *promised_to,
                }),
                Some(Fact::Allocated { .. }) => effects.allocated.push(view),
                Some(Fact::Backordered { .. }) => effects.backordered.push(view),
                _ => {}
            }
            if let Some(fact) = fact {
                self.happened(fact, occasion);
            }
        }
        effects
    }

    /// The one fact that says how a line came from where it stood to where it stands.
    fn net_fact(&self, line: &Line, before: Option<&Standing>, why: Option<&MoveReason>, today: Date) -> Option<Fact> {
        let from = before.map_or_else(Vec::new, Standing::parts);
        let was = before.map(|standing| standing.state);
        match line.state() {
            LineState::Allocated if was == Some(LineState::Allocated) => {
                let to = line.standing().parts();
                Some(Fact::Reallocated {
                    key: line.key().clone(),
                    promised_from: self.promise(&from, today).unwrap_or(today),
                    promised_to: self.promise(&to, today).unwrap_or(today),
                    from,
                    to,
                    why: why.expect("a line moves only for a reason").clone(),
                })
            }
            LineState::Allocated => Some(Fact::Allocated {
                line: line.terms().clone(),
                allocations: line.standing().parts(),
                from_backlog: was == Some(LineState::Backordered),
            }),
            LineState::Backordered => Some(Fact::Backordered {
                line: line.terms().clone(),
                why: why.filter(|_| !from.is_empty()).cloned(),
                from,
            }),
            LineState::Cancelled => Some(Fact::Deallocated {
                key: line.key().clone(),
                from,
                why: DeallocationReason::Cancelled,
            }),
            // Its OutOfStock event has told it.
            LineState::Refused => None,
        }
    }

    /// The one door through which a line's stock changes: units and backlog follow the line.
    fn stand(&mut self, key: &LineKey, standing: Standing) {
        let line = self.lines.get_mut(key).expect("a line that stands is at hand");
        let turn = line.turn();
        if standing.state == LineState::Backordered {
            self.backlog.join(turn);
        } else {
            self.backlog.leave(&turn);
        }
        let taken: Vec<Part> = standing.parts();
        let line = self.lines.get_mut(key).expect("a line that stands is at hand");
        let before = line.stand(standing);
        for allocation in &before.allocations {
            self.batch_mut(&allocation.part.batch).free(allocation.part.quantity);
        }
        for part in &taken {
            self.batch_mut(&part.batch).earmark(part.quantity);
        }
        self.touched.push((key.clone(), Some(before)));
    }

    fn batch_mut(&mut self, reference: &Reference) -> &mut Batch {
        self.batches
            .iter_mut()
            .find(|batch| batch.reference() == reference)
            .expect("the batch of an allocation is at hand")
    }

    /// Records a fact: the one door through which the version moves.
    fn happened(&mut self, fact: Fact, occasion: &Occasion) {
        self.record.version += 1;
        self.events.push(Event {
            subject: Subject::Product {
                sku: self.record.sku.clone(),
                version: self.record.version,
            },
            occurred_at: occasion.now,
            actor: occasion.actor.clone(),
            correlation_id: occasion.correlation_id.clone(),
            fact,
        });
    }
}
