//! Products: the aggregate root. Every promise of a SKU's units is made, moved and ended here.

mod emit;
mod lines;
mod stock;

use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::backlog::{Backlog, Reach};
use crate::batch::{Batch, promise_date};
use crate::context::DecisionTime;
use crate::draft::{Draft, Seek};
use crate::event::{Fact, LineTerms, Subject};
use crate::event_recorder::EventRecorder;
use crate::line::{Allocation, Line, LineSnapshot, LineState, LineStatus, ServicePosition};
use crate::name::Sku;
use crate::place_order::Locations;
use crate::precondition::Precondition;
use crate::quantity::{Count, Units};
use crate::record::{BatchRecord, Change, ChangeSet, Preference, ProductChange, ProductRecord};
use crate::refusal::Shortage;
use crate::view::LineView;

pub(crate) use emit::Why;
pub(crate) use stock::BatchChange;

/// Nothing is kept back.
const NOTHING: Count = Count::ZERO;

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
    /// Whether something depended on more of the offer than was read: nothing decided since holds.
    needs_all_batches: bool,
    lines: Vec<Line>,
    backlog: Backlog,
    /// What each line was before the command that is being decided, in the order they were touched. `None`: it was not
    /// there.
    touched: Vec<(usize, Option<LineSnapshot>)>,
    /// The batch whose ETA the command changes, and the ETA before.
    eta_before: Option<(usize, Option<Date>)>,
}

impl Product {
    /// A product seen for the first time.
    pub(crate) const fn new(sku: Sku) -> Self {
        let record = ProductRecord::new(sku);
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
            needs_all_batches: false,
            lines: Vec::new(),
            backlog: Backlog::new(reach),
            touched: Vec::new(),
            eta_before: None,
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
            self.backlog.join(line.service_position(), place);
        }
        self.lines.push(line);
        place
    }

    /// Says how far the backlog was read: `None` to its end.
    pub(crate) fn read_backlog(&mut self, until: Option<ServicePosition>) {
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

    /// All that is known of it beside its batches and lines.
    #[must_use]
    pub const fn record(&self) -> &ProductRecord {
        &self.record
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

    /// A draft of new promises on what is offered: of the units that are kept back none are promised.
    pub(crate) fn draft(&self, moment: DecisionTime) -> Draft<'_> {
        self.draft_keeping(self.record.safety_stock, moment)
    }

    /// A draft on what is offered. A line that has to move was promised its units before: nothing is kept back from it.
    fn draft_keeping(&self, kept_back: Count, moment: DecisionTime) -> Draft<'_> {
        let DecisionTime { now, earliest_eta, .. } = moment;
        Draft::new(&self.batches, self.offered(), kept_back, earliest_eta, now)
    }

    /// Whether something depended on more of the offer than was read: the decision has to be taken anew on all of it.
    pub(crate) const fn needs_all_batches(&self) -> bool {
        self.needs_all_batches
    }

    /// Something depends on all of the offer: a line that does not fit what was read of it, or prefers one location.
    pub(crate) const fn look_beyond(&mut self) {
        self.needs_all_batches |= self.offer_ends.is_some();
    }

    /// Sees to it that all of the offer is at hand for lines that prefer locations: the first batch that was read for them
    /// need not be the one they would have liked best.
    pub(crate) const fn look_for(&mut self, locations: &Locations) {
        if !locations.is_any() {
            self.look_beyond();
        }
    }

    /// Room for a new promise on these terms, or what it lacks.
    pub(crate) fn fit(&mut self, terms: &LineTerms, moment: DecisionTime) -> Result<Vec<Allocation>, Shortage> {
        self.look_for(&terms.locations);
        let seek = Seek::of(terms);
        let mut draft = self.draft(moment);
        draft.fit(seek).map_err(|short| {
            let remedy = draft.remedy(seek, short);
            short.of(terms.key.clone(), self.record.sku.clone(), terms.quantity, remedy)
        })
    }

    /// Tells what happened to it beside what happens to its lines.
    pub(crate) fn tell(&mut self, fact: Fact, recorder: &mut EventRecorder<'_>) {
        self.happened(fact, recorder);
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
            hold_until: line.terms().hold_until,
        }
    }

    /// When a line can leave that stands so.
    fn promise(&self, standing: &LineStatus, today: Date) -> Option<Date> {
        let held = standing.earmarked().iter();
        promise_date(held.map(|held| self.batches[held.place].eta()), today)
    }

    /// Until when a line stands so as far as holds go: no decision may be taken later without an end put to it.
    fn held_until(&mut self, deadline: Option<Timestamp>) {
        if let Some(deadline) = deadline {
            let next = self.record.next_expiry;
            self.record.next_expiry = Some(next.map_or(deadline, |next| next.min(deadline)));
        }
    }

    /// Sets when the next hold ends, if this is known better.
    pub(crate) const fn next_hold_ends(&mut self, at: Option<Timestamp>) {
        self.record.next_expiry = at;
    }

    /// Serves the backlog from stock that is free: in order of service, a line that does not fit is passed over. What
    /// was not read is owed: a later transaction goes on there.
    pub(crate) fn serve_backlog(&mut self, moment: DecisionTime) {
        assert!(
            *self.backlog.reach() != Reach::Unread,
            "a command that frees stock has read the backlog"
        );
        let mut available = self.promisable(moment);
        let mut passed_over = false;
        for place in self.backlog.waiting() {
            if available.is_zero() {
                passed_over = true;
                break;
            }
            let line = &self.lines[place];
            let terms = line.terms();
            if terms.hold_until.is_some_and(|deadline| deadline <= moment.now) {
                // It counts no more, and is about to be told so.
                continue;
            }
            let wanted = terms.quantity.units();
            let found = (wanted <= available).then(|| self.draft(moment).fit(Seek::of(terms)));
            if let Some(Ok(allocations)) = found {
                let standing = LineStatus::with(allocations, terms.hold_until);
                if !terms.locations.is_any() {
                    self.look_beyond();
                }
                self.stand(place, standing);
                available = available.saturating_sub(wanted);
            } else {
                passed_over = true;
            }
        }
        if passed_over {
            self.look_beyond();
        }
        let nothing_left = available.is_zero() && self.offer_ends.is_none();
        self.record.resume_after = match self.backlog.reach() {
            Reach::Until(last) if !nothing_left => Some(last.clone()),
            _ => None,
        };
    }

    /// Units of the batches on offer that may be promised anew.
    fn promisable(&self, moment: DecisionTime) -> Units {
        let offered = self.offered().iter().map(|place| &self.batches[*place]);
        let timely = offered.filter(|batch| batch.eta().is_none_or(|eta| Some(eta) >= moment.earliest_eta));
        let total: Units = timely.map(Batch::available).sum();
        total.saturating_sub(self.record.safety_stock.units())
    }

    /// Puts a line where it is to stand, on the terms it has.
    fn stand(&mut self, place: usize, standing: LineStatus) {
        let terms = self.lines[place].terms().clone();
        self.stand_on(place, terms, standing);
    }

    /// The one door through which a line that is there changes: units and backlog follow the line.
    fn stand_on(&mut self, place: usize, mut terms: LineTerms, standing: LineStatus) {
        let line = &mut self.lines[place];
        self.backlog.leave(|| line.service_position());
        if !standing.state.is_open() {
            terms.hold_until = None;
        }
        let deadline = terms.hold_until;
        let before = line.stand(terms, standing);
        for held in &before.standing.allocations {
            let batch = &mut self.batches[held.place];
            match before.standing.state {
                LineState::Dispatched => batch.take_back(held.part.quantity),
                _ => batch.free(held.part.quantity),
            }
        }
        for taken in &line.standing().allocations {
            let batch = &mut self.batches[taken.place];
            match line.state() {
                LineState::Dispatched => batch.dispatch(taken.part.quantity),
                _ => batch.earmark(taken.part.quantity),
            }
        }
        if line.state() == LineState::Backordered {
            self.backlog.join(line.service_position(), place);
        }
        if line.touch() {
            self.touched.push((place, Some(before)));
        }
        self.held_until(deadline);
    }

    /// Remembers what the line at a place is, so that it is told of whatever the command changes about it.
    fn watch(&mut self, place: usize) {
        let line = &mut self.lines[place];
        if line.touch() {
            self.touched.push((place, Some(line.was())));
        }
    }

    /// Records a fact: the one door through which the version moves.
    fn happened(&mut self, fact: Fact, recorder: &mut EventRecorder<'_>) {
        self.record.version += 1;
        let subject = Subject::Product {
            sku: self.record.sku.clone(),
            version: self.record.version,
        };
        recorder.note(subject, fact);
    }

    /// What the change stands on, if nothing was decided but that lines were placed.
    fn precondition(&self) -> Precondition {
        let Some(stored) = &self.stored else {
            return Precondition::SameVersion;
        };
        let only_rises = ProductRecord {
            version: stored.version,
            ..self.record.clone()
        } == *stored;
        // One event for each line, which tells where it was placed.
        let only_told = self.record.version - stored.version == self.lines.len() as u64;
        let same_batches = self.batches.iter().all(|batch| batch.unsaved().is_none());
        if !(only_rises && only_told && same_batches) {
            return Precondition::SameVersion;
        }
        let placed: Option<Vec<&Allocation>> = self.lines.iter().map(Line::placed_in).collect();
        placed.map_or(Precondition::SameVersion, |placed| {
            let units = placed.iter().map(|held| &held.part);
            Precondition::for_units(units, self.record.safety_stock)
        })
    }

    /// Adds what changed of it since it was read. `on_all`: whether more was decided than that lines were placed, and so
    /// stands on all that was read.
    pub(crate) fn close(self, on_all: bool, changes: &mut ChangeSet) {
        if self.stored.as_ref() != Some(&self.record) {
            changes.products.push(ProductChange {
                read_version: self.stored.as_ref().map(|record| record.version),
                precondition: if on_all {
                    Precondition::SameVersion
                } else {
                    self.precondition()
                },
                record: self.record.clone(),
            });
        }
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
    }
}
