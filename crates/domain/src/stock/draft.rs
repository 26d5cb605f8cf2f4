//! Drafts: finding units for lines before anything is changed.

use alloc::vec::Vec;

use jiff::civil::Date;

use super::batch::Batch;
use super::index::{BatchIndex, IndexedVec};
use super::line::Allocation;
use crate::answers::explain::{Remedy, Tried, TriedOutcome};
use crate::answers::refusal::Shortage;
use crate::context::DecisionTime;
use crate::language::line_terms::{LineTerms, Part};
use crate::language::locations::Locations;
use crate::language::name::{LineKey, Location, Sku};
use crate::language::quantity::{Count, MAX_QUANTITY, Quantity, Units};
use crate::promising::{leaves_on, promisable};

/// What is looked for: the units a line wants, and the conditions it sets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Search<'t> {
    /// Units it wants.
    pub(crate) wanted: Quantity,
    /// Whether it may be spread over several batches.
    pub(crate) split: bool,
    /// Where its units may come from.
    pub(crate) locations: &'t Locations,
}

impl<'t> Search<'t> {
    /// A search for all the units that a line wants.
    pub(crate) const fn of(terms: &'t LineTerms) -> Self {
        Self {
            wanted: terms.quantity,
            split: terms.split,
            locations: &terms.locations,
        }
    }
}

/// What was available to a line that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Short {
    pub(crate) available: Units,
    largest_batch: Units,
}

impl Short {
    /// Counts a batch that was tried.
    fn add(&mut self, available: Units) {
        self.available = self.available.plus(available);
        self.largest_batch = self.largest_batch.max(available);
    }

    /// The same, if no more than `most` units may be promised.
    fn at_most(self, most: Units) -> Self {
        Self {
            available: self.available.min(most),
            largest_batch: self.largest_batch.min(most),
        }
    }

    /// The most units that a line gets.
    const fn most_for(self, search: Search<'_>) -> Units {
        if search.split {
            self.available
        } else {
            self.largest_batch
        }
    }

    /// Whether a line gets all of its units.
    fn is_enough_for(self, search: Search<'_>) -> bool {
        self.most_for(search) >= search.wanted.units()
    }

    /// The same with the units that a line has already.
    pub(crate) fn beside(self, own: Units) -> Self {
        Self {
            available: self.available.plus(own),
            largest_batch: self.largest_batch.plus(own),
        }
    }

    /// The shortage of a line.
    pub(crate) const fn of(self, key: LineKey, sku: Sku, requested: Quantity, remedy: Remedy) -> Shortage {
        Shortage {
            key,
            sku,
            requested,
            available: self.available,
            largest_batch: self.largest_batch,
            remedy,
        }
    }
}

/// A search through the offered batches of a product, which changes nothing.
///
/// Lines drafted one after the other count together, so an order sees its own lines.
#[derive(Debug)]
pub(crate) struct Draft<'p> {
    /// The product's batches.
    batches: &'p IndexedVec<BatchIndex, Batch>,
    /// The offered batches, in preference order. Positions below are positions in this list.
    offered: &'p [BatchIndex],
    /// Units that earlier lines of this draft take, by position. May be shorter than the list.
    taken: Vec<Units>,
    /// Units that are kept back from these lines.
    safety_stock: Count,
    /// Whether batches are offered, last of all, that are too long overdue for new promises.
    long_overdue: bool,
    /// The last day on which units may leave that are offered; `None`: any.
    by: Option<Date>,
    /// When the lines get their units.
    time: DecisionTime,
}

impl<'p> Draft<'p> {
    /// A draft on the offered batches of a product, in preference order.
    pub(crate) const fn new(
        batches: &'p IndexedVec<BatchIndex, Batch>,
        offered: &'p [BatchIndex],
        safety_stock: Count,
        time: DecisionTime,
    ) -> Self {
        Self {
            batches,
            offered,
            taken: Vec::new(),
            safety_stock,
            long_overdue: false,
            by: None,
            time,
        }
    }

    /// The same draft for lines that lost their units: last of all, batches are offered to them that are too long overdue
    /// for new promises. A late ship is better than none.
    pub(crate) fn or_long_overdue(self) -> Self {
        Self {
            long_overdue: true,
            ..self
        }
    }

    fn batch(&self, position: usize) -> &'p Batch {
        &self.batches[self.offered[position]]
    }

    fn location(&self, position: usize) -> &'p Location {
        &self.batch(position).record().location
    }

    /// Whether the batch at a position is too long overdue for new promises.
    fn is_overdue(&self, position: usize) -> bool {
        !self.time.offers(self.batch(position).eta())
    }

    /// Units of the batch at a position that are still available.
    fn available(&self, position: usize) -> Units {
        let available = self.batch(position).available();
        match self.taken.get(position) {
            Some(taken) => available.saturating_sub(*taken),
            None => available,
        }
    }

    /// The most units that may be promised of all batches together; `None`: there is no limit, as nothing is kept back.
    fn limit(&self) -> Option<Units> {
        if self.safety_stock == Count::ZERO {
            return None;
        }
        Some(promisable(self.promised_from(), self.safety_stock))
    }

    /// The units that promises are made from, with those that are kept back.
    fn promised_from(&self) -> Units {
        let timely = (0..self.offered.len()).filter(|position| !self.is_overdue(*position));
        timely.map(|position| self.available(position)).sum()
    }

    fn take(&mut self, position: usize, quantity: Quantity) -> Allocation {
        if self.taken.len() <= position {
            self.taken.resize(position + 1, Units::ZERO);
        }
        self.taken[position] = self.taken[position].plus(quantity.units());
        self.allocation(self.offered[position], quantity)
    }

    fn allocation(&self, batch: BatchIndex, quantity: Quantity) -> Allocation {
        Allocation {
            part: Part {
                batch: self.batches[batch].reference().clone(),
                quantity,
            },
            batch,
            allocated_version: None,
        }
    }

    /// The positions of the batches that a line may get units of, in the order in which they are tried: location by
    /// location as the line prefers, and in preference order within a location. Those that are too long overdue, if they
    /// are offered at all, come after all others.
    fn candidates<'t>(&self, locations: &'t Locations) -> impl Iterator<Item = usize> + use<'t, 'p> {
        let (batches, offered, limit) = (self.batches, self.offered, self.time.overdue_limit);
        let (by, today) = (self.by, self.time.today);
        let any = [None];
        let named = locations.as_slice().iter().map(Some);
        // One pass over the batches for any location, else one pass for each location.
        let passes = any.into_iter().filter(|_| locations.is_any()).chain(named);
        let timely = passes.clone().map(|location| (location, true));
        let late = passes.map(|location| (location, false));
        let late = late.filter({
            let long_overdue = self.long_overdue;
            move |_| long_overdue
        });
        timely
            .chain(late)
            .flat_map(move |(location, timely): (Option<&Location>, bool)| {
                (0..offered.len()).filter(move |position| {
                    let batch = &batches[offered[*position]];
                    let is_here = location.is_none_or(|location| *location == batch.record().location);
                    let is_in_time = by.is_none_or(|by| leaves_on(batch.eta(), today) <= by);
                    is_here && is_in_time && limit.offers(batch.eta()) == timely
                })
            })
    }

    /// Finds units for a line in preference order: whole in the first batch that can take it, or, if it may be split,
    /// spread over as many batches as it needs. The line gets all of its units or none.
    pub(crate) fn fit(&mut self, search: Search<'_>) -> Result<Vec<Allocation>, Short> {
        let wanted = search.wanted.units();
        let limit = self.limit();
        let within_limit = limit.is_none_or(|most| wanted <= most);
        let mut found = Short::default();
        for position in self.candidates(search.locations) {
            let available = self.available(position);
            if within_limit && !search.split && available >= wanted {
                return Ok(Vec::from([self.take(position, search.wanted)]));
            }
            found.add(available);
            if within_limit && search.split && found.available >= wanted {
                return Ok(self.spread(search));
            }
        }
        Err(limit.map_or(found, |most| found.at_most(most)))
    }

    /// The same, in batches whose units leave by a day.
    pub(crate) fn fit_by(&mut self, by: Date, search: Search<'_>) -> Result<Vec<Allocation>, Short> {
        self.by = Some(by);
        let found = self.fit(search);
        self.by = None;
        found
    }

    /// Finds additional units for a line in the batch it is in.
    pub(crate) fn more_of(&self, batch: BatchIndex, search: Search<'_>) -> Result<Vec<Allocation>, Short> {
        let batch_is_offered = self.time.offers(self.batches[batch].eta());
        let available = if batch_is_offered {
            self.batches[batch].available()
        } else {
            Units::ZERO
        };
        let most = self.limit().unwrap_or(available);
        if search.wanted.units() <= available.min(most) {
            return Ok(Vec::from([self.allocation(batch, search.wanted)]));
        }
        let mut found = Short::default();
        found.add(available);
        Err(found.at_most(most))
    }

    /// Spreads a line over the first batches, which together have enough units.
    fn spread(&mut self, search: Search<'_>) -> Vec<Allocation> {
        let mut allocations = Vec::new();
        let mut missing = Some(search.wanted);
        for position in self.candidates(search.locations) {
            let Some(wanted) = missing else { break };
            if let Some(given) = self.available(position).give(wanted) {
                allocations.push(self.take(position, given));
                missing = Quantity::new(wanted.get() - given.get()).ok();
            }
        }
        // A line's allocations are in preference order, whatever locations it prefers.
        allocations.sort_by_key(|allocation| self.batches[allocation.batch].preference());
        allocations
    }

    /// The batches that [`fit`](Self::fit) would try for a line, in order, with the result for each. Batches that the
    /// line may not get units of come first.
    pub(crate) fn tried(&self, search: Search<'_>) -> Vec<Tried> {
        let wanted = search.wanted.units();
        let within_limit = self.limit().is_none_or(|most| wanted <= most);
        let candidates: Vec<usize> = self.candidates(search.locations).collect();
        let total: Units = candidates.iter().map(|position| self.available(*position)).sum();
        let mut missing = wanted;
        let mut tried = Vec::new();
        let result = |position: usize, outcome| Tried {
            batch: self.batch(position).reference().clone(),
            location: self.location(position).clone(),
            eta: self.batch(position).eta(),
            available: self.available(position),
            outcome,
        };
        let excluded = (0..self.offered.len()).filter(|position| !candidates.contains(position));
        tried.extend(excluded.map(|position| {
            let outcome = if self.is_overdue(position) {
                TriedOutcome::Overdue
            } else {
                TriedOutcome::OtherLocation
            };
            result(position, outcome)
        }));
        for position in candidates {
            let available = self.available(position);
            let enough = if search.split {
                total >= wanted
            } else {
                available >= wanted
            };
            let outcome = match (enough, within_limit) {
                (true, true) if !available.is_zero() => TriedOutcome::Taken,
                (true, false) => TriedOutcome::KeptBack,
                _ => TriedOutcome::TooSmall,
            };
            tried.push(result(position, outcome));
            if outcome == TriedOutcome::Taken {
                missing = if search.split {
                    missing.saturating_sub(available)
                } else {
                    Units::ZERO
                };
                if missing.is_zero() {
                    break;
                }
            }
        }
        tried
    }

    /// All that a line may get units of, with nothing kept back.
    fn all_of(&self, locations: &Locations) -> Short {
        let mut found = Short::default();
        let candidates = self.candidates(locations);
        candidates.for_each(|position| found.add(self.available(position)));
        found
    }

    /// The smallest change that would have let a line fit: of its own terms, of the stock, or of its quantity.
    pub(crate) fn remedy(&self, search: Search<'_>, short: Short) -> Remedy {
        let wanted = search.wanted.units();
        let Short { available: total, .. } = self.all_of(search.locations);
        let within_limit = self.limit().is_none_or(|most| wanted <= most);
        if within_limit && !search.split && total >= wanted {
            return Remedy::Split;
        }
        if within_limit && !search.locations.is_any() {
            let mut timely = (0..self.offered.len()).filter(|position| !self.is_overdue(*position));
            let elsewhere = timely.find(|position| {
                let excluded = !search.locations.as_slice().contains(self.location(*position));
                let available = self.available(*position);
                let found = Short {
                    available: total.plus(available),
                    largest_batch: available,
                };
                excluded && found.is_enough_for(search)
            });
            if let Some(position) = elsewhere {
                return Remedy::Location(self.location(position).clone());
            }
        }
        self.remedy_on_these_terms(search, short, Units::ZERO)
    }

    /// The smallest change of the stock, or of its quantity, that would have let a line fit whose other terms stand. A
    /// quantity that is not above `own`, the units it has, is none.
    pub(crate) fn remedy_on_these_terms(&self, search: Search<'_>, short: Short, own: Units) -> Remedy {
        let wanted = search.wanted.units();
        let all = self.all_of(search.locations);
        let (total, kept) = (self.promised_from(), self.safety_stock.units());
        let within_limit = kept.is_zero() || wanted.plus(kept) <= total;
        let keep = Count::new(i128::from(total.saturating_sub(wanted).get()));
        if let (false, true, Ok(keep)) = (within_limit, all.is_enough_for(search), keep) {
            return Remedy::SafetyStock(keep);
        }
        let fewer = short.most_for(search);
        match Quantity::new(i128::from(fewer.get().min(u64::from(MAX_QUANTITY)))) {
            Ok(fewer) if fewer < search.wanted && fewer.units() > own => Remedy::Quantity(fewer),
            _ => {
                let to_fit = wanted.saturating_sub(all.most_for(search));
                let to_keep_back = if within_limit {
                    Units::ZERO
                } else {
                    wanted.plus(kept).saturating_sub(total)
                };
                Remedy::MoreStock(to_fit.max(to_keep_back))
            }
        }
    }
}
