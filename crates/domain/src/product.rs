//! Products: the aggregate root. Every promise of a SKU's units is made, moved and ended here.

mod telling;

use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::backlog::{Backlog, Reach};
use crate::batch::{Batch, promise_date};
use crate::command::CreateBatch;
use crate::draft::Draft;
use crate::event::{Fact, Kept, LineTerms, MoveReason, Subject};
use crate::journal::Journal;
use crate::line::{Allocation, Line, LineState, Standing, Turn};
use crate::name::{ProductName, Sku};
use crate::outcome::{Effects, LineView};
use crate::quantity::{Count, Units};
use crate::record::{BatchRecord, Change, Changes, Preference, ProductChange, ProductRecord};

/// A product: a SKU, an optional name, its batches, its backlog, and a version that rises with each event.
///
/// At hand is what the transaction's scope names, not the whole past: batches with something available, the lines that
/// commands touch with the batches they lie in, and a page of the backlog. Batches and lines have places here, which
/// they keep for as long as the transaction lasts.
#[derive(Debug, Clone)]
pub struct Product {
    record: ProductRecord,
    /// As it was read; `None` for a product made in this transaction.
    stored: Option<ProductRecord>,
    batches: Vec<Batch>,
    /// The places of the batches in preference order.
    preferred: Vec<usize>,
    /// The last batch that is offered to lines; behind it others have something available that were not read. `None`:
    /// all of them are at hand.
    offer_ends: Option<Preference>,
    /// Whether a line did not fit what is offered, while there is more that was not read: nothing decided since holds.
    starved: bool,
    lines: Vec<Line>,
    backlog: Backlog,
    /// Where each line stood before the command that is being decided, in the order they were touched. `None`: it was
    /// not there.
    touched: Vec<(usize, Option<Standing>)>,
}

impl Product {
    /// A product seen for the first time.
    pub(crate) const fn new(sku: Sku) -> Self {
        let record = ProductRecord {
            sku,
            name: None,
            version: 0,
            batches_created: 0,
            resume_after: None,
        };
        Self::begin(record, None, Reach::Whole)
    }

    /// A product as read from a store, as yet without batches and lines.
    pub(crate) fn stored(record: ProductRecord) -> Self {
        let stored = Some(record.clone());
        Self::begin(record, stored, Reach::Unread)
    }

    const fn begin(record: ProductRecord, stored: Option<ProductRecord>, reach: Reach) -> Self {
        Self {
            record,
            stored,
            batches: Vec::new(),
            preferred: Vec::new(),
            offer_ends: None,
            starved: false,
            lines: Vec::new(),
            backlog: Backlog::new(reach),
            touched: Vec::new(),
        }
    }

    /// Adds a batch that was read. [`Product::sort`] follows the last one.
    pub(crate) fn add_stored_batch(&mut self, record: BatchRecord) {
        self.batches.push(Batch::stored(record));
    }

    /// Adds a line that was read, and says its place; [`Product::read_backlog`] comes before.
    pub(crate) fn add_stored_line(&mut self, line: Line) -> usize {
        let place = self.lines.len();
        if line.state() == LineState::Backordered {
            self.backlog.join(line.turn(), place);
        }
        self.lines.push(line);
        place
    }

    /// Says how far the backlog was read: `None` to its end.
    pub(crate) fn read_backlog(&mut self, until: Option<Turn>) {
        self.backlog.read_to(until.map_or(Reach::Whole, Reach::Until));
    }

    /// Says that there are more batches with something available than were read.
    pub(crate) const fn cut_offer(&mut self, after: Preference) {
        self.offer_ends = Some(after);
    }

    /// Puts the batches in preference order.
    pub(crate) fn sort(&mut self) {
        self.preferred = (0..self.batches.len()).collect();
        self.preferred.sort_by_key(|place| self.batches[*place].preference());
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

    /// The batches at hand, by place.
    pub(crate) fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// The line at a place.
    pub(crate) fn line(&self, place: usize) -> &Line {
        &self.lines[place]
    }

    /// The places of the batches that lines may be given stock from, in preference order. Those behind an offer that
    /// was cut are at hand for other reasons, and their turn has not come.
    fn offered(&self) -> &[usize] {
        let end = self.offer_ends.map_or(self.preferred.len(), |last| {
            self.preferred
                .partition_point(|place| self.batches[*place].preference() <= last)
        });
        &self.preferred[..end]
    }

    /// A draft on what is offered.
    pub(crate) fn draft(&self, now: Timestamp) -> Draft<'_> {
        Draft::new(&self.batches, self.offered(), now)
    }

    /// Whether a line did not fit what was read of a longer offer: the decision has to be taken anew on all of it.
    pub(crate) const fn is_starved(&self) -> bool {
        self.starved
    }

    /// A line did not fit what is offered.
    const fn found_no_room(&mut self) {
        self.starved |= self.offer_ends.is_some();
    }

    /// The line at a place, as it is shown.
    pub(crate) fn view(&self, place: usize, today: Date) -> LineView {
        let line = &self.lines[place];
        LineView {
            key: line.key().clone(),
            sku: self.record.sku.clone(),
            quantity: line.quantity(),
            state: line.state(),
            promised_on: self.promise(line.standing(), today),
            allocations: line.standing().parts(),
        }
    }

    fn promise(&self, standing: &Standing, today: Date) -> Option<Date> {
        let etas = standing.allocations.iter().map(|held| self.batches[held.place].eta());
        promise_date(etas, today)
    }

    /// Names the product; `false` when it bears that name already.
    pub(crate) fn rename(&mut self, name: &ProductName, journal: &mut Journal<'_>) -> bool {
        if self.record.name.as_ref() == Some(name) {
            return false;
        }
        self.record.name = Some(name.clone());
        self.happened(Fact::ProductNamed { name: name.clone() }, journal);
        true
    }

    /// Adds a batch, serves the backlog from it, and says its place.
    pub(crate) fn create_batch(
        &mut self,
        create: &CreateBatch,
        journal: &mut Journal<'_>,
        effects: &mut Effects,
    ) -> usize {
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
        let place = self.batches.len();
        let rank = self
            .preferred
            .partition_point(|other| self.batches[*other].preference() < batch.preference());
        self.preferred.insert(rank, place);
        self.batches.push(batch);
        self.happened(
            Fact::BatchCreated {
                reference: create.reference.clone(),
                location: create.location.clone(),
                ordinal,
                quantity: create.quantity,
                eta: create.eta,
            },
            journal,
        );
        self.serve_backlog(journal.now());
        self.settle(None, journal, Some(effects));
        place
    }

    /// Counts a batch. Lines that no longer fit are released and placed anew, best first; what is free then serves the
    /// backlog. The quantity is not below what has been dispatched, and not what it was.
    pub(crate) fn count_batch(&mut self, place: usize, to: Count, journal: &mut Journal<'_>, effects: &mut Effects) {
        let batch = &self.batches[place];
        let (reference, from) = (batch.reference().clone(), batch.quantity());
        let excess = batch.committed().saturating_sub(to.units());
        let fact = Fact::BatchQuantityChanged {
            reference: reference.clone(),
            from,
            to,
        };
        self.happened(fact, journal);
        let released = self.to_release(place, excess);
        for line in &released {
            self.stand(*line, Standing::empty_handed(LineState::Backordered));
        }
        self.batches[place].count(to);
        for place in released.iter().rev() {
            let line = &self.lines[*place];
            match self.draft(journal.now()).fit(line.quantity(), line.terms().split) {
                Ok(allocations) => self.stand(*place, Standing::allocated(allocations)),
                Err(_) => self.found_no_room(),
            }
        }
        if to > from || !released.is_empty() {
            self.serve_backlog(journal.now());
        }
        let why = MoveReason::BatchQuantityChanged(reference);
        self.settle(Some(&why), journal, Some(effects));
    }

    /// The lines that have to leave a batch so that it loses `excess` units, the first to go first.
    ///
    /// The most recently allocated go first, then the latest turn. No more than needed: of those chosen, the ones that
    /// still fit are put back, best first.
    fn to_release(&self, batch: usize, excess: Units) -> Vec<usize> {
        if excess.is_zero() {
            return Vec::new();
        }
        let mut held: Vec<_> = self
            .lines
            .iter()
            .enumerate()
            .filter_map(|(place, line)| {
                let allocation = line.held_in(batch)?;
                let units = allocation.part.quantity.units();
                Some((allocation.allocated_at, line.turn(), units, place))
            })
            .collect();
        held.sort_by(|a, b| b.cmp(a));
        let mut freed = Units::ZERO;
        let mut chosen = Vec::new();
        for (_, _, units, place) in held {
            if freed >= excess {
                break;
            }
            freed = freed.checked_add(units).expect("a batch's units are a sum");
            chosen.push((place, units));
        }
        assert!(freed >= excess, "the lines to release are at hand");
        let mut spare = freed.saturating_sub(excess);
        let mut leaving: Vec<usize> = Vec::with_capacity(chosen.len());
        for (place, units) in chosen.into_iter().rev() {
            match spare.checked_sub(units) {
                Some(left) => spare = left,
                None => leaving.push(place),
            }
        }
        leaving.reverse();
        leaving
    }

    /// Places a line for the first time, where a draft found room for it, and says its place.
    pub(crate) fn place(&mut self, terms: LineTerms, allocations: Vec<Allocation>) -> usize {
        for allocation in &allocations {
            self.batches[allocation.place].earmark(allocation.part.quantity);
        }
        self.begin_line(terms, Standing::allocated(allocations))
    }

    /// Tells that a line did not fit, and keeps of it what is to be kept: where, if anything.
    pub(crate) fn fall_short(
        &mut self,
        terms: LineTerms,
        available: Units,
        kept: Kept,
        journal: &mut Journal<'_>,
    ) -> Option<usize> {
        self.found_no_room();
        let fact = Fact::OutOfStock {
            line: terms.clone(),
            available,
            kept,
        };
        self.happened(fact, journal);
        let state = match kept {
            Kept::Nothing => return None,
            Kept::Refused => LineState::Refused,
            Kept::Backordered => LineState::Backordered,
        };
        if state == LineState::Backordered {
            self.backlog.join(terms.turn(), self.lines.len());
        }
        Some(self.begin_line(terms, Standing::empty_handed(state)))
    }

    fn begin_line(&mut self, terms: LineTerms, standing: Standing) -> usize {
        let place = self.lines.len();
        let mut line = Line::new(terms, standing);
        line.touch();
        self.lines.push(line);
        self.touched.push((place, None));
        place
    }

    /// Cancels the line at a place: its stock is free, or it leaves the backlog. `false` when nothing of it stands.
    pub(crate) fn cancel(&mut self, place: usize) -> bool {
        match self.lines[place].state() {
            LineState::Allocated | LineState::Backordered => {
                self.stand(place, Standing::empty_handed(LineState::Cancelled));
                true
            }
            LineState::Refused | LineState::Cancelled => false,
        }
    }

    /// Serves the backlog from stock that is free: in order of service, a line that does not fit is passed over. What
    /// was not read is owed: a later transaction goes on there.
    pub(crate) fn serve_backlog(&mut self, now: Timestamp) {
        assert!(
            *self.backlog.reach() != Reach::Unread,
            "a command that frees stock has read the backlog"
        );
        let offered = self.offered().iter().map(|place| self.batches[*place].available());
        let mut available: Units = offered.sum();
        for place in self.backlog.waiting() {
            if available.is_zero() {
                break;
            }
            let line = &self.lines[place];
            let wanted = line.quantity().units();
            if wanted > available {
                continue;
            }
            if let Ok(allocations) = self.draft(now).fit(line.quantity(), line.terms().split) {
                self.stand(place, Standing::allocated(allocations));
                available = available.saturating_sub(wanted);
            }
        }
        if !self.backlog.is_empty() {
            self.found_no_room();
        }
        let nothing_left = available.is_zero() && self.offer_ends.is_none();
        self.record.resume_after = match self.backlog.reach() {
            Reach::Until(last) if !nothing_left => Some(last.clone()),
            _ => None,
        };
    }

    /// The one door through which a line that is there changes: units and backlog follow the line.
    fn stand(&mut self, place: usize, standing: Standing) {
        let line = &mut self.lines[place];
        if standing.state == LineState::Backordered {
            self.backlog.join(line.turn(), place);
        } else {
            self.backlog.leave(|| line.turn());
        }
        let before = line.stand(standing);
        for held in &before.allocations {
            self.batches[held.place].free(held.part.quantity);
        }
        for taken in &line.standing().allocations {
            self.batches[taken.place].earmark(taken.part.quantity);
        }
        if line.touch() {
            self.touched.push((place, Some(before)));
        }
    }

    /// Records a fact: the one door through which the version moves.
    fn happened(&mut self, fact: Fact, journal: &mut Journal<'_>) {
        self.record.version += 1;
        let subject = Subject::Product {
            sku: self.record.sku.clone(),
            version: self.record.version,
        };
        journal.note(subject, fact);
    }

    /// Adds what changed of it since it was read.
    pub(crate) fn close(self, changes: &mut Changes) {
        for place in self.preferred {
            let batch = &self.batches[place];
            match batch.unsaved() {
                Some(true) => changes.batches.push(Change::New(batch.record().clone())),
                Some(false) => changes.batches.push(Change::Changed(batch.record().clone())),
                None => {}
            }
        }
        for line in self.lines {
            line.close(&self.record.sku, changes);
        }
        if self.stored.as_ref() != Some(&self.record) {
            changes.products.push(ProductChange {
                read_version: self.stored.map(|record| record.version),
                record: self.record,
            });
        }
    }
}
