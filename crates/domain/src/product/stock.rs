//! What happens to stock: batches are bought, counted, put off, received and given up, and units are kept back.

use alloc::vec::Vec;
use core::cmp::Reverse;

use jiff::civil::Date;

use super::{NOTHING, Product, Why};
use crate::batch::Batch;
use crate::command::CreateBatch;
use crate::context::DecisionTime;
use crate::draft::Seek;
use crate::event::Fact;
use crate::event_recorder::EventRecorder;
use crate::line::{LineState, LineStatus};
use crate::name::ProductName;
use crate::outcome::Effects;
use crate::quantity::{Count, Units};
use crate::record::BatchRecord;

/// What a command changes about a batch. What is `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BatchChange {
    /// What was counted.
    pub(crate) quantity: Option<Count>,
    /// When it arrives: `Some(None)` for one that has.
    pub(crate) eta: Option<Option<Date>>,
    /// Whether it is closed.
    pub(crate) close: bool,
}

impl Product {
    /// Names the product; `false` when it bears that name already.
    pub(crate) fn rename(&mut self, name: &ProductName, recorder: &mut EventRecorder<'_>) -> bool {
        if self.record.name.as_ref() == Some(name) {
            return false;
        }
        self.record.name = Some(name.clone());
        self.happened(Fact::ProductNamed { name: name.clone() }, recorder);
        true
    }

    /// Says how many units are kept back from new promises, and serves the backlog where those are fewer than before;
    /// `false` when they are as many.
    pub(crate) fn keep_back(&mut self, units: Count, recorder: &mut EventRecorder<'_>, effects: &mut Effects) -> bool {
        let from = core::mem::replace(&mut self.record.safety_stock, units);
        if from == units {
            return false;
        }
        self.happened(Fact::SafetyStockChanged { from, to: units }, recorder);
        if units < from {
            self.serve_backlog(recorder.moment());
        }
        self.settle(&Why::NEW_PROMISE, recorder, Some(effects));
        true
    }

    /// Adds a batch, serves the backlog from it, and says its place.
    pub(crate) fn create_batch(
        &mut self,
        create: &CreateBatch,
        recorder: &mut EventRecorder<'_>,
        effects: &mut Effects,
    ) -> usize {
        self.record.batches_created += 1;
        let ordinal = self.record.batches_created;
        let (reference, sku) = (create.reference.clone(), self.record.sku.clone());
        let batch = Batch::new(BatchRecord {
            location: create.location.clone(),
            ..BatchRecord::new(reference, sku, ordinal, create.quantity, create.eta)
        });
        let place = self.batches.len();
        self.batches.push(batch);
        self.rank(place);
        self.happened(
            Fact::BatchCreated {
                reference: create.reference.clone(),
                location: create.location.clone(),
                ordinal,
                quantity: create.quantity,
                eta: create.eta,
            },
            recorder,
        );
        self.serve_backlog(recorder.moment());
        self.settle(&Why::NEW_PROMISE, recorder, Some(effects));
        place
    }

    /// Puts the batch at a place where it belongs in preference order.
    fn rank(&mut self, place: usize) {
        self.preferred.retain(|other| *other != place);
        let preference = self.batches[place].preference();
        let rank = self
            .preferred
            .partition_point(|other| self.batches[*other].preference() < preference);
        self.preferred.insert(rank, place);
    }

    /// Changes a batch. Lines that no longer fit are released and placed anew, best first; where it arrives later, its
    /// lines move to other stock if that is there earlier; what is free then serves the backlog. The quantity is not
    /// below what has been dispatched.
    pub(crate) fn change_batch(
        &mut self,
        place: usize,
        change: BatchChange,
        why: &Why,
        recorder: &mut EventRecorder<'_>,
        effects: &mut Effects,
    ) {
        let (from, eta_before) = (self.batches[place].quantity(), self.batches[place].eta());
        let to = change.quantity.unwrap_or(from);
        let eta = change.eta.unwrap_or(eta_before);
        if eta != eta_before {
            self.eta_before = Some((place, eta_before));
            for line in self.lines_in(place) {
                self.watch(line);
            }
        }
        let excess = self.batches[place].committed().saturating_sub(to.units());
        let released: Vec<(usize, LineStatus)> = self
            .to_release(place, excess)
            .into_iter()
            .map(|line| (line, self.lines[line].standing().clone()))
            .collect();
        for (line, _) in &released {
            self.stand(*line, LineStatus::empty_handed(LineState::Backordered));
        }
        self.batches[place].count(to);
        if change.close {
            self.batches[place].close();
        }
        if eta != eta_before {
            self.batches[place].arrive(eta);
            self.rank(place);
            self.move_to_earlier(place, recorder.moment());
        }
        for (line, had) in released.iter().rev() {
            self.place_anew(*line, had, recorder.moment());
        }
        if to > from || !released.is_empty() || eta != eta_before {
            self.serve_backlog(recorder.moment());
        }
        self.settle(why, recorder, Some(effects));
    }

    /// The lines at hand that hold units in a batch.
    fn lines_in(&self, batch: usize) -> Vec<usize> {
        let lines = self.lines.iter().enumerate();
        let holding = lines.filter(|(_, line)| line.held_in(batch).is_some());
        holding.map(|(place, _)| place).collect()
    }

    /// Moves the lines of a batch whose ETA changed, in order of service, to other stock where that gives an earlier date.
    /// One whose date is no later than it was stays.
    fn move_to_earlier(&mut self, batch: usize, moment: DecisionTime) {
        let mut lines = self.lines_in(batch);
        lines.sort_by_cached_key(|place| self.lines[*place].service_position());
        for place in lines {
            let standing = self.lines[place].standing().clone();
            let stays = self.promise(&standing, moment.today);
            if stays <= self.promise_before(&standing, moment.today) {
                continue;
            }
            self.stand(place, LineStatus::empty_handed(LineState::Backordered));
            let elsewhere = self.find_anew(place, moment);
            let earlier = elsewhere.filter(|found| self.promise(found, moment.today) < stays);
            self.stand(place, earlier.unwrap_or(standing));
        }
    }

    /// Places a line that was released anew, if it fits anywhere. Where that is where it was, it has not moved.
    fn place_anew(&mut self, line: usize, had: &LineStatus, moment: DecisionTime) {
        if let Some(found) = self.find_anew(line, moment) {
            let stays = found.parts() == had.parts();
            self.stand(line, if stays { had.clone() } else { found });
        }
    }

    /// Where a line without stock would have its units, that was promised them before.
    fn find_anew(&mut self, place: usize, moment: DecisionTime) -> Option<LineStatus> {
        let terms = self.lines[place].terms();
        let found = self.draft_keeping(NOTHING, moment).fit(Seek::of(terms)).ok();
        let found = found.map(|allocations| LineStatus::with(allocations, terms.hold_until));
        if found.is_none() || !terms.locations.is_any() {
            self.look_beyond();
        }
        found
    }

    /// The lines that have to leave a batch so that it loses `excess` units, the first to go first.
    ///
    /// The weakest claims go first, then the most recently allocated, then the latest turn. No more than needed: of those
    /// chosen, the ones that still fit are put back, best first.
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
                let leaves = (
                    line.release_rank(),
                    Reverse(allocation.allocated_at),
                    Reverse(line.service_position()),
                );
                Some((leaves, units, place))
            })
            .collect();
        held.sort();
        let mut freed = Units::ZERO;
        let mut chosen = Vec::new();
        for (_, units, place) in held {
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
}
