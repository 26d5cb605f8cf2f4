//! What happens to lines: they are placed, wait, want more or less, become firm, leave the building, and end.

use alloc::vec::Vec;

use super::Product;
use crate::batch::Batch;
use crate::context::DecisionTime;
use crate::draft::{Seek, Short};
use crate::event::{Fact, LineTerms};
use crate::event_recorder::EventRecorder;
use crate::line::{Allocation, Line, LineSnapshot, LineState, LineStatus};
use crate::name::Reference;
use crate::quantity::{Quantity, Units};
use crate::reason::ShortageOutcome;

impl Product {
    /// Places a line for the first time, where a draft found room for it, and says its place.
    pub(crate) fn place(&mut self, terms: LineTerms, allocations: Vec<Allocation>) -> usize {
        for allocation in &allocations {
            self.batches[allocation.place].earmark(allocation.part.quantity);
        }
        let standing = LineStatus::with(allocations, terms.hold_until);
        self.begin_line(terms, standing)
    }

    /// Tells that a line did not fit, and keeps of it what is to be kept: where, if anything.
    pub(crate) fn fall_short(
        &mut self,
        terms: LineTerms,
        available: Units,
        kept: ShortageOutcome,
        recorder: &mut EventRecorder<'_>,
    ) -> Option<usize> {
        let standing = self.miss(&terms, available, kept, recorder)?;
        if standing.state == LineState::Backordered {
            self.backlog.join(terms.service_position(), self.lines.len());
        }
        Some(self.begin_line(terms, standing))
    }

    /// Tells that a line did not fit, and says how it stands then, if anything of it is kept.
    pub(crate) fn miss(
        &mut self,
        terms: &LineTerms,
        available: Units,
        kept: ShortageOutcome,
        recorder: &mut EventRecorder<'_>,
    ) -> Option<LineStatus> {
        self.look_beyond();
        let fact = Fact::OutOfStock {
            line: terms.clone(),
            available,
            kept,
        };
        self.happened(fact, recorder);
        match kept {
            ShortageOutcome::Nothing => None,
            ShortageOutcome::Refused => Some(LineStatus::empty_handed(LineState::Refused)),
            ShortageOutcome::Backordered => Some(LineStatus::empty_handed(LineState::Backordered)),
        }
    }

    fn begin_line(&mut self, mut terms: LineTerms, standing: LineStatus) -> usize {
        let place = self.lines.len();
        if !standing.state.is_open() {
            terms.hold_until = None;
        }
        self.held_until(terms.hold_until);
        let mut line = Line::new(terms, standing);
        line.touch();
        self.lines.push(line);
        self.touched.push((place, None));
        place
    }

    /// Cancels the line at a place: its stock is free, or it leaves the backlog. `false` when nothing of it stands.
    pub(crate) fn cancel(&mut self, place: usize) -> bool {
        self.end(place, LineState::Cancelled)
    }

    /// Ends the line at a place, whose hold nobody confirmed in time. `false` when nothing of it stands.
    pub(crate) fn expire(&mut self, place: usize) -> bool {
        self.end(place, LineState::Expired)
    }

    fn end(&mut self, place: usize, state: LineState) -> bool {
        let stands = self.lines[place].state().is_open();
        if stands {
            self.stand(place, LineStatus::empty_handed(state));
        }
        stands
    }

    /// Takes a line out of its order, which is placed anew: what it has is free for the lines that come. What it was is
    /// handed out, to be put back should the order be refused.
    pub(crate) fn set_aside(&mut self, place: usize) -> LineSnapshot {
        let was = self.lines[place].was();
        let terms = LineTerms {
            placed_with_order: false,
            ..was.terms.clone()
        };
        self.stand_on(place, terms, LineStatus::empty_handed(LineState::Cancelled));
        was
    }

    /// Puts a line back that was set aside.
    pub(crate) fn put_back(&mut self, place: usize, was: LineSnapshot) {
        self.stand_on(place, was.terms, was.standing);
    }

    /// Gives the line at a place units that a draft found, on other terms than it had. Of units that it `had` in the same
    /// batch it keeps the time: it was there first.
    pub(crate) fn place_again(
        &mut self,
        place: usize,
        terms: LineTerms,
        mut allocations: Vec<Allocation>,
        had: &LineStatus,
    ) {
        for allocation in &mut allocations {
            let before = had.earmarked().iter().find(|held| held.place == allocation.place);
            allocation.allocated_at = before.map_or(allocation.allocated_at, |held| held.allocated_at);
        }
        let standing = LineStatus::with(allocations, terms.hold_until);
        self.stand_on(place, terms, standing);
    }

    /// Puts the line at a place where it has no stock, on other terms than it had.
    pub(crate) fn stand_without(&mut self, place: usize, terms: LineTerms, standing: LineStatus) {
        self.stand_on(place, terms, standing);
    }

    /// Makes a held line firm, with all of its units or fewer.
    pub(crate) fn confirm(&mut self, place: usize, quantity: Quantity) {
        let LineSnapshot {
            mut terms,
            mut standing,
        } = self.lines[place].was();
        self.reduce(&mut standing, quantity);
        terms.quantity = quantity;
        terms.hold_until = None;
        if standing.state == LineState::Held {
            standing.state = LineState::Allocated;
        }
        self.stand_on(place, terms, standing);
    }

    /// Leaves a line no more units than it wants, freeing those with the latest date.
    fn reduce(&self, standing: &mut LineStatus, to: Quantity) {
        let batches = &self.batches;
        standing
            .allocations
            .sort_by_key(|held| batches[held.place].preference());
        let mut left = Some(to);
        standing.allocations.retain_mut(|held| {
            let Some(kept) = left.and_then(|left| held.part.quantity.units().give(left)) else {
                return false;
            };
            left = left.and_then(|left| Quantity::new(left.get() - kept.get()).ok());
            held.part.quantity = kept;
            true
        });
    }

    /// Changes how many units a line wants that may still get or keep them: fewer free those with the latest date; of
    /// more only the difference is sought, for a line that may not be split where it lies.
    ///
    /// # Errors
    /// The difference does not fit; the line is as it was.
    pub(crate) fn change_quantity(
        &mut self,
        place: usize,
        to: Quantity,
        moment: DecisionTime,
    ) -> Result<(), (Quantity, Short)> {
        let LineSnapshot {
            mut terms,
            mut standing,
        } = self.lines[place].was();
        let from = core::mem::replace(&mut terms.quantity, to);
        match Quantity::new(i128::from(to.get()) - i128::from(from.get())) {
            _ if standing.state == LineState::Backordered => {}
            Err(_) => self.reduce(&mut standing, to),
            Ok(more) => {
                self.look_for(&terms.locations);
                let seek = Seek {
                    wanted: more,
                    ..Seek::of(&terms)
                };
                let mut draft = self.draft(moment);
                let found = match (&*standing.allocations, terms.split) {
                    ([lies_in], false) => draft.more_of(lies_in.place, seek),
                    _ => draft.fit(seek),
                };
                match found {
                    Ok(added) => self.add(&mut standing, added),
                    Err(short) => {
                        self.look_beyond();
                        return Err((more, short));
                    }
                }
            }
        }
        self.stand_on(place, terms, standing);
        Ok(())
    }

    /// Gives a line more units, joined to those it has in the same batches.
    fn add(&self, standing: &mut LineStatus, added: Vec<Allocation>) {
        for more in added {
            match standing.allocations.iter_mut().find(|held| held.place == more.place) {
                Some(held) => {
                    let sum = i128::from(held.part.quantity.get()) + i128::from(more.part.quantity.get());
                    held.part.quantity = Quantity::new(sum).expect("together they are what the line wants");
                }
                None => standing.allocations.push(more),
            }
        }
        let batches = &self.batches;
        standing
            .allocations
            .sort_by_key(|held| batches[held.place].preference());
    }

    /// The first batch that a line has units in which is not in the warehouse.
    pub(crate) fn lies_outside(&self, place: usize) -> Option<&Reference> {
        let held = self.lines[place].standing().earmarked().iter();
        let mut batches = held.map(|held| &self.batches[held.place]);
        batches.find(|batch| batch.eta().is_some()).map(Batch::reference)
    }

    /// The first batch that units of a dispatched line have left and that was cancelled.
    pub(crate) fn left_closed(&self, place: usize) -> Option<&Reference> {
        let gone = self.lines[place].standing().allocations.iter();
        let mut batches = gone.map(|part| &self.batches[part.place]);
        batches.find(|batch| batch.is_closed()).map(Batch::reference)
    }

    /// Sends the units of an allocated line out of the building.
    pub(crate) fn dispatch(&mut self, place: usize) {
        self.change_state(place, LineState::Dispatched);
    }

    /// Allocates the units of a dispatched line again, where they were.
    pub(crate) fn undo_dispatch(&mut self, place: usize) {
        self.change_state(place, LineState::Allocated);
    }

    fn change_state(&mut self, place: usize, state: LineState) {
        let allocations = self.lines[place].standing().allocations.clone();
        self.stand(place, LineStatus { state, allocations });
    }
}
