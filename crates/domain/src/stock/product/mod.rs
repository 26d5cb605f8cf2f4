//! Products: the aggregate root. Every promise of a SKU's units is made, moved and ended here.

pub(crate) mod batches;
pub(crate) mod change_in_steps;
mod change_terms;
pub(crate) mod dispatch;
pub(crate) mod divide;
pub(crate) mod emit;
pub(crate) mod improve;
pub(crate) mod lines;

use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use super::backlog::{Backlog, Reach};
use super::batch::Batch;
use super::draft::{Draft, Search};
use super::index::{BatchIndex, IndexedVec, LineIndex};
use super::line::{Allocation, Line, LineSnapshot, LineStatus};
use crate::answers::refusal::Shortage;
use crate::answers::view::LineView;
use crate::context::DecisionTime;
use crate::events::event::Subject;
use crate::events::fact::Fact;
use crate::events::recorder::EventRecorder;
use crate::language::line_terms::{LineState, LineTerms};
use crate::language::locations::Locations;
use crate::language::name::Sku;
use crate::language::precedence::ServicePosition;
use crate::language::quantity::{Count, Units};
use crate::promising::{Improve, is_at_risk, promisable, promise_date};
use crate::records::batch::{BatchRecord, Preference};
use crate::records::change_set::{Change, ChangeSet, ProductChange};
use crate::records::expiry_step::ExpiryStep;
use crate::records::pending::Pending;
use crate::records::precondition::Precondition;
use crate::records::product::ProductRecord;

/// A product: a SKU, an optional name, its batches, its backlog, and a version that rises with each event.
///
/// It is loaded as far as the transaction's scope asks, not with its whole past: batches with available units, the
/// lines that commands name, the batches those lines are in, and a page of the backlog.
#[derive(Debug, Clone)]
pub struct Product {
    record: ProductRecord,
    /// As it was read; `None`: it was created in this transaction.
    stored: Option<ProductRecord>,
    batches: IndexedVec<BatchIndex, Batch>,
    /// The batches in preference order.
    by_preference: Vec<BatchIndex>,
    /// The last batch of the page that was read; batches with available units follow it that were not read. `None`: all
    /// were read.
    batch_page_end: Option<Preference>,
    /// Whether a decision needs batches behind the page: it has to be taken again when they are loaded.
    needs_all_batches: bool,
    lines: IndexedVec<LineIndex, Line>,
    /// The batches of which more lines are concerned by a change than were read.
    lines_cut: Vec<BatchIndex>,
    /// The last of the lines that were read to move to better stock, if there are more.
    improvable_until: Option<ServicePosition>,
    backlog: Backlog,
    /// The lines that the current command may have changed, in the order it did, each as it was before. `None`: it was
    /// placed by the command.
    tracked_lines: Vec<(LineIndex, Option<LineSnapshot>)>,
    /// The batch that has another ETA by the current command: its lines are promised anew.
    redated: Option<BatchIndex>,
}

impl Product {
    /// A product that is created in this transaction.
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
            batches: IndexedVec::new(),
            by_preference: Vec::new(),
            batch_page_end: None,
            needs_all_batches: false,
            lines: IndexedVec::new(),
            lines_cut: Vec::new(),
            improvable_until: None,
            backlog: Backlog::new(reach),
            tracked_lines: Vec::new(),
            redated: None,
        }
    }

    /// Adds a batch that was read. Call [`Product::sort_batches`] after the last one.
    pub(crate) fn add_stored_batch(&mut self, record: BatchRecord) {
        self.batches.push(Batch::stored(record));
    }

    /// Adds a line that was read. Call [`Product::set_backlog_read`] before.
    pub(crate) fn add_stored_line(&mut self, line: Line) -> LineIndex {
        if line.state() == LineState::Backordered {
            self.backlog.join(line.service_position(), self.lines.next_index());
        }
        self.lines.push(line)
    }

    /// Sets how far the backlog was read; `None`: to its end.
    pub(crate) fn set_backlog_read(&mut self, until: Option<ServicePosition>) {
        self.backlog.set_reach(until.map_or(Reach::Whole, Reach::Until));
    }

    /// Sets the last batch of the page that was read, if there are more batches with available units.
    pub(crate) const fn set_batch_page_end(&mut self, after: Preference) {
        self.batch_page_end = Some(after);
    }

    /// Notes that a change of the batch concerns more of its lines than were read.
    pub(crate) fn set_lines_cut(&mut self, batch: BatchIndex) {
        self.lines_cut.push(batch);
    }

    /// Sets the last of the lines that were read to move to better stock, if there are more.
    pub(crate) fn set_improvable_until(&mut self, last: Option<ServicePosition>) {
        self.improvable_until = last;
    }

    /// Whether a change of a batch concerns more of its lines than were read.
    pub(crate) fn are_lines_cut(&self, batch: BatchIndex) -> bool {
        self.lines_cut.contains(&batch)
    }

    /// Sorts the batches by preference.
    pub(crate) fn sort_batches(&mut self) {
        self.by_preference = self.batches.indices().collect();
        self.by_preference
            .sort_by_key(|batch| self.batches[*batch].preference());
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

    /// Its record, in its current state.
    #[must_use]
    pub const fn record(&self) -> &ProductRecord {
        &self.record
    }

    /// The batches that were loaded or created.
    pub(crate) const fn batches(&self) -> &IndexedVec<BatchIndex, Batch> {
        &self.batches
    }

    pub(crate) fn batch(&self, batch: BatchIndex) -> &Batch {
        &self.batches[batch]
    }

    pub(crate) fn line(&self, line: LineIndex) -> &Line {
        &self.lines[line]
    }

    /// The batches that lines may get units of, in preference order. Batches behind the page that was read are loaded
    /// for other reasons and are not offered: there may be others before them.
    fn offered(&self) -> &[BatchIndex] {
        let end = self.batch_page_end.map_or(self.by_preference.len(), |last| {
            self.by_preference
                .partition_point(|batch| self.batches[*batch].preference() <= last)
        });
        &self.by_preference[..end]
    }

    /// A draft of new promises: the safety stock is kept back from them.
    pub(crate) fn draft(&self, time: DecisionTime) -> Draft<'_> {
        Draft::new(&self.batches, self.offered(), self.record.safety_stock, time)
    }

    /// A draft for lines that were promised before: nothing is kept back from them.
    pub(crate) fn draft_of_moves(&self, time: DecisionTime) -> Draft<'_> {
        Draft::new(&self.batches, self.offered(), Count::ZERO, time)
    }

    /// Whether a decision needs batches that were not read: it has to be taken again when they are loaded.
    pub(crate) const fn needs_all_batches(&self) -> bool {
        self.needs_all_batches
    }

    /// Records that a decision needs all batches with available units, for example for a line that does not fit the
    /// page.
    pub(crate) const fn require_all_batches(&mut self) {
        self.needs_all_batches |= self.batch_page_end.is_some();
    }

    /// Requires all batches for a line that prefers locations: the batch it likes best may be behind the page.
    pub(crate) const fn require_all_batches_for(&mut self, locations: &Locations) {
        if !locations.is_any() {
            self.require_all_batches();
        }
    }

    /// Finds units for a new line on these terms.
    pub(crate) fn fit(&mut self, terms: &LineTerms, time: DecisionTime) -> Result<Vec<Allocation>, Shortage> {
        self.require_all_batches_for(&terms.locations);
        let search = Search::of(terms);
        let mut draft = self.draft(time);
        draft.fit(search).map_err(|short| {
            let remedy = draft.remedy(search, short);
            short.of(terms.key.clone(), self.record.sku.clone(), terms.quantity, remedy)
        })
    }

    /// The line as a reader sees it.
    pub(crate) fn view(&self, line: LineIndex, today: Date) -> LineView {
        let line = &self.lines[line];
        LineView {
            key: line.key().clone(),
            sku: self.record.sku.clone(),
            quantity: line.total(),
            state: line.state(),
            promise: line.promise(),
            at_risk: self.is_at_risk(line, today),
            placed_at: line.terms().placed_at,
            allocations: line.status().parts(),
            dispatches: line.dispatches(),
            hold_until: line.terms().hold_until,
        }
    }

    /// Whether a line is at risk.
    fn is_at_risk(&self, line: &Line, today: Date) -> bool {
        let etas = line.status().allocated().iter();
        let etas = etas.map(|allocation| self.batches[allocation.batch].eta());
        is_at_risk(
            line.state(),
            line.promise(),
            line.terms().precedence.required_by(),
            etas,
            today,
        )
    }

    /// The day for which a line with this status is promised when it is told today.
    fn promise_date(&self, status: &LineStatus, today: Date) -> Option<Date> {
        let etas = status.allocated().iter();
        promise_date(etas.map(|allocation| self.batches[allocation.batch].eta()), today)
    }

    /// Notes the deadline of a line: from then on no decision is taken before the hold is ended.
    fn note_deadline(&mut self, deadline: Option<Timestamp>) {
        if let Some(deadline) = deadline {
            let next = self.record.next_expiry;
            self.record.next_expiry = Some(next.map_or(deadline, |next| next.min(deadline)));
        }
    }

    /// Sets when the next hold ends.
    pub(crate) const fn set_next_expiry(&mut self, at: Option<Timestamp>) {
        self.record.next_expiry = at;
    }

    /// Records that its version rose from an earlier one because holds ended, and for no other reason.
    pub(crate) fn record_expiry_step(&mut self, before: u64) {
        self.record.expiry_step = ExpiryStep::join(self.record.expiry_step, before, self.record.version);
    }

    /// Serves the backlog from available stock, in order of service. A line that does not fit is passed over. If the
    /// backlog was not read to its end, a later transaction continues. When it has been served, lines may move to what is
    /// left.
    pub(crate) fn serve_backlog(&mut self, time: DecisionTime, improve: Improve) {
        assert!(
            *self.backlog.reach() != Reach::Unread,
            "a command that frees stock has read the backlog"
        );
        let mut left = self.promisable(time);
        let mut passed_over = false;
        for index in self.backlog.waiting() {
            if left.is_zero() {
                passed_over = true;
                break;
            }
            let terms = self.lines[index].terms();
            if time.is_past(terms.hold_until) {
                // The hold has expired and is ended by another command of the service.
                continue;
            }
            let wanted = terms.quantity.units();
            let found = (wanted <= left).then(|| self.draft(time).fit(Search::of(terms)));
            if let Some(Ok(allocations)) = found {
                let status = LineStatus::with_units(allocations, terms.hold_until);
                if !terms.locations.is_any() {
                    self.require_all_batches();
                }
                self.set_status(index, status);
                left = left.saturating_sub(wanted);
            } else {
                passed_over = true;
            }
        }
        if passed_over {
            self.require_all_batches();
        }
        let nothing_left = left.is_zero() && self.batch_page_end.is_none();
        self.record.pending = match self.backlog.reach() {
            Reach::Until(last) if !nothing_left => Some(Pending::Backlog {
                after: Some(last.clone()),
                improve,
            }),
            _ if nothing_left => None,
            _ => self.first_improvement(improve),
        };
    }

    /// Units of the offered batches that may be promised to new lines.
    fn promisable(&self, time: DecisionTime) -> Units {
        let offered = self.offered().iter().map(|batch| &self.batches[*batch]);
        let timely = offered.filter(|batch| time.offers(batch.eta()));
        promisable(timely.map(Batch::available).sum(), self.record.safety_stock)
    }

    /// Changes a line's status and keeps its terms.
    fn set_status(&mut self, line: LineIndex, status: LineStatus) {
        let terms = self.lines[line].terms().clone();
        self.change_line(line, terms, status);
    }

    /// Changes a line's terms and status, and with them the batches' units and the backlog. Every change of a line that
    /// exists goes through here.
    fn change_line(&mut self, index: LineIndex, mut terms: LineTerms, status: LineStatus) {
        let line = &mut self.lines[index];
        self.backlog.leave(|| line.service_position());
        if !status.state.is_open() {
            terms.hold_until = None;
        }
        let deadline = terms.hold_until;
        let before = line.replace(terms, status);
        for allocation in &before.status.allocations {
            self.batches[allocation.batch].free(allocation.part.quantity);
        }
        for allocation in &line.status().allocations {
            self.batches[allocation.batch].earmark(allocation.part.quantity);
        }
        if line.state() == LineState::Backordered {
            self.backlog.join(line.service_position(), index);
        }
        if line.track() {
            self.tracked_lines.push((index, Some(before)));
        }
        self.note_deadline(deadline);
    }

    /// Tracks a line: whatever the command changes about it, or about its batches, is recorded.
    fn track(&mut self, index: LineIndex) {
        let line = &mut self.lines[index];
        if line.track() {
            self.tracked_lines.push((index, Some(line.snapshot())));
        }
    }

    /// Records a fact about the product. Every event of a product goes through here and raises the version.
    pub(crate) fn record_fact(&mut self, fact: Fact, recorder: &mut EventRecorder<'_>) {
        self.record.version += 1;
        let subject = Subject::Product {
            sku: self.record.sku.clone(),
            version: self.record.version,
        };
        recorder.record(subject, fact);
    }

    /// The precondition of the change: escrow, if lines were placed whole and nothing else has changed.
    fn precondition(&self) -> Precondition {
        let Some(stored) = &self.stored else {
            return Precondition::SameVersion;
        };
        let only_version_changed = ProductRecord {
            version: stored.version,
            ..self.record.clone()
        } == *stored;
        // One event for each line: the one that records its placing.
        let one_event_a_line = self.record.version - stored.version == self.lines.len() as u64;
        let same_batches = self.batches.iter().all(|batch| batch.unsaved().is_none());
        if !(only_version_changed && one_event_a_line && same_batches) {
            return Precondition::SameVersion;
        }
        let placed: Option<Vec<&Allocation>> = self.lines.iter().map(Line::placed_in_one_batch).collect();
        placed.map_or(Precondition::SameVersion, |placed| {
            let units = placed.iter().map(|allocation| &allocation.part);
            Precondition::escrow(units, self.record.safety_stock)
        })
    }

    /// Adds what has changed since the product was read. `same_version`: whether something in the transaction depends
    /// on all that was read, so that escrow is not enough.
    pub(crate) fn close(self, same_version: bool, changes: &mut ChangeSet) {
        if self.stored.as_ref() != Some(&self.record) {
            changes.products.push(ProductChange {
                read_version: self.stored.as_ref().map(|record| record.version),
                precondition: if same_version {
                    Precondition::SameVersion
                } else {
                    self.precondition()
                },
                record: self.record.clone(),
            });
        }
        for batch in self.by_preference {
            let batch = &self.batches[batch];
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
