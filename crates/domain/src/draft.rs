//! Drafts: finding room for lines before anything is changed.

use alloc::vec::Vec;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::batch::Batch;
use crate::event::LineTerms;
use crate::explain::{Remedy, Tried, TriedOutcome};
use crate::line::{Allocation, Part};
use crate::name::{LineKey, Location, Sku};
use crate::place_order::Locations;
use crate::quantity::{Count, MAX_QUANTITY, Quantity, Units};
use crate::refusal::Shortage;

/// On which terms room is sought for a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seek<'t> {
    /// Units it wants.
    pub(crate) wanted: Quantity,
    /// Whether it may be spread over several batches.
    pub(crate) split: bool,
    /// Where its units may come from.
    pub(crate) locations: &'t Locations,
}

impl<'t> Seek<'t> {
    /// Room for all that a line wants.
    pub(crate) const fn of(terms: &'t LineTerms) -> Self {
        Self {
            wanted: terms.quantity,
            split: terms.split,
            locations: &terms.locations,
        }
    }
}

/// A plan in the making: which batches lines would get, with nothing changed yet.
///
/// Lines drafted one after the other count together, so that an order sees its own lines.
#[derive(Debug)]
pub(crate) struct Draft<'p> {
    /// The product's batches.
    batches: &'p [Batch],
    /// The places of those on offer, in preference order.
    offered: &'p [usize],
    /// Units that earlier lines of this draft would take, in the order of the offer; nothing behind its end.
    taken: Vec<Units>,
    /// Units that are kept back from these lines.
    kept_back: Count,
    /// The earliest ETA that is offered; `None`: all are.
    earliest: Option<Date>,
    /// The instant from which the lines are to have their units.
    now: Timestamp,
}

/// What a line that does not fit could have had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Short {
    pub(crate) available: Units,
    largest_batch: Units,
}

impl Short {
    /// Counts a batch that it was offered.
    fn add(&mut self, available: Units) {
        self.available = self.available.plus(available);
        self.largest_batch = self.largest_batch.max(available);
    }

    /// The same, where no more than so many units may be promised.
    fn within(self, most: Units) -> Self {
        Self {
            available: self.available.min(most),
            largest_batch: self.largest_batch.min(most),
        }
    }

    /// The same, told of a line.
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

impl<'p> Draft<'p> {
    /// A draft on batches that are on offer, in preference order.
    pub(crate) const fn new(
        batches: &'p [Batch],
        offered: &'p [usize],
        kept_back: Count,
        earliest: Option<Date>,
        now: Timestamp,
    ) -> Self {
        Self {
            batches,
            offered,
            taken: Vec::new(),
            kept_back,
            earliest,
            now,
        }
    }

    fn batch(&self, place: usize) -> &'p Batch {
        &self.batches[self.offered[place]]
    }

    /// Whether the batch at a place of the offer is overdue by more than the shop puts up with.
    fn is_overdue(&self, place: usize) -> bool {
        self.batch(place).eta().is_some_and(|eta| Some(eta) < self.earliest)
    }

    /// What can still be had of the batch at a place of the offer.
    fn available(&self, place: usize) -> Units {
        let available = self.batch(place).available();
        match self.taken.get(place) {
            Some(taken) => available.saturating_sub(*taken),
            None => available,
        }
    }

    /// What may still be promised of all batches together; `None`: as much as there is.
    fn promisable(&self) -> Option<Units> {
        if self.kept_back.get() == 0 {
            return None;
        }
        let offered = (0..self.offered.len()).filter(|place| !self.is_overdue(*place));
        let total: Units = offered.map(|place| self.available(place)).sum();
        Some(total.saturating_sub(self.kept_back.units()))
    }

    fn take(&mut self, place: usize, quantity: Quantity) -> Allocation {
        if self.taken.len() <= place {
            self.taken.resize(place + 1, Units::ZERO);
        }
        self.taken[place] = self.taken[place].plus(quantity.units());
        let batch = self.offered[place];
        Allocation {
            part: Part {
                batch: self.batches[batch].reference().clone(),
                quantity,
            },
            place: batch,
            allocated_at: self.now,
        }
    }

    /// The places of the offer that a line may be given units of, in the order they are tried: location by location as
    /// the line prefers, within a location as the shop prefers.
    fn candidates<'t>(&self, locations: &'t Locations) -> impl Iterator<Item = usize> + use<'t, 'p> {
        let (batches, offered, earliest) = (self.batches, self.offered, self.earliest);
        let any = [None];
        let named = locations.as_slice().iter().map(Some);
        // One pass over the offer where any location will do, else one for each.
        let passes = any.into_iter().filter(|_| locations.is_any()).chain(named);
        passes.flat_map(move |location: Option<&Location>| {
            (0..offered.len()).filter(move |place| {
                let batch = &batches[offered[*place]];
                let here = location.is_none_or(|location| *location == batch.record().location);
                here && batch.eta().is_none_or(|eta| Some(eta) >= earliest)
            })
        })
    }

    /// Finds room for a line, in preference order: whole in the first batch that can take it, or, where it may be
    /// split, spread over as many as it needs. Wholly or not at all.
    pub(crate) fn fit(&mut self, seek: Seek<'_>) -> Result<Vec<Allocation>, Short> {
        let wanted = seek.wanted.units();
        let promisable = self.promisable();
        let may_have = promisable.is_none_or(|most| wanted <= most);
        let mut found = Short::default();
        for place in self.candidates(seek.locations) {
            let available = self.available(place);
            if may_have && !seek.split && available >= wanted {
                return Ok(Vec::from([self.take(place, seek.wanted)]));
            }
            found.add(available);
            if may_have && seek.split && found.available >= wanted {
                return Ok(self.spread(seek));
            }
        }
        Err(promisable.map_or(found, |most| found.within(most)))
    }

    /// Finds room for more units of a line in the batch it lies in, given by its place in the product.
    pub(crate) fn more_of(&mut self, batch: usize, seek: Seek<'_>) -> Result<Vec<Allocation>, Short> {
        let available = self.batches[batch].available();
        let promisable = self.promisable().unwrap_or(available);
        if seek.wanted.units() <= available.min(promisable) {
            let part = Part {
                batch: self.batches[batch].reference().clone(),
                quantity: seek.wanted,
            };
            return Ok(Vec::from([Allocation {
                part,
                place: batch,
                allocated_at: self.now,
            }]));
        }
        let mut found = Short::default();
        found.add(available);
        Err(found.within(promisable))
    }

    /// Spreads a line over the first batches, which together have room for it.
    fn spread(&mut self, seek: Seek<'_>) -> Vec<Allocation> {
        let mut parts = Vec::new();
        let mut left = Some(seek.wanted);
        for place in self.candidates(seek.locations) {
            let Some(missing) = left else { break };
            if let Some(given) = self.available(place).give(missing) {
                parts.push(self.take(place, given));
                left = Quantity::new(missing.get() - given.get()).ok();
            }
        }
        // Whatever location was preferred: a line holds its parts in the order that all lines do.
        parts.sort_by_key(|part| self.batches[part.place].preference());
        parts
    }

    /// Which batches are tried for a line, and what becomes of each, as [`fit`](Self::fit) would find. Those that the
    /// line may not be served from are told where they would have been tried.
    pub(crate) fn tried(&self, seek: Seek<'_>) -> Vec<Tried> {
        let wanted = seek.wanted.units();
        let may_have = self.promisable().is_none_or(|most| wanted <= most);
        let candidates: Vec<usize> = self.candidates(seek.locations).collect();
        let total: Units = candidates.iter().map(|place| self.available(*place)).sum();
        let mut missing = wanted;
        let mut tried = Vec::new();
        let told = |place: usize, outcome| Tried {
            batch: self.batch(place).reference().clone(),
            location: self.batch(place).record().location.clone(),
            eta: self.batch(place).eta(),
            available: self.available(place),
            outcome,
        };
        let barred = (0..self.offered.len()).filter(|place| !candidates.contains(place));
        tried.extend(barred.map(|place| {
            let overdue = self.is_overdue(place);
            told(
                place,
                if overdue {
                    TriedOutcome::Overdue
                } else {
                    TriedOutcome::OtherLocation
                },
            )
        }));
        for place in candidates {
            let available = self.available(place);
            let enough = if seek.split {
                total >= wanted
            } else {
                available >= wanted
            };
            let outcome = match (enough, may_have) {
                (true, true) if !available.is_zero() => TriedOutcome::Taken,
                (true, false) => TriedOutcome::KeptBack,
                _ => TriedOutcome::TooSmall,
            };
            tried.push(told(place, outcome));
            if outcome == TriedOutcome::Taken {
                missing = if seek.split {
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

    /// The smallest change that would have let a line fit that did not.
    pub(crate) fn remedy(&self, seek: Seek<'_>, short: Short) -> Remedy {
        let wanted = seek.wanted.units();
        let here = |locations| -> (Units, Units) {
            let places = self.candidates(locations).map(|place| self.available(place));
            places.fold((Units::ZERO, Units::ZERO), |(sum, most), units| {
                (sum.plus(units), most.max(units))
            })
        };
        let (sum, most) = here(seek.locations);
        let within = |sum: Units, most: Units| if seek.split { sum >= wanted } else { most >= wanted };
        let may_have = self.promisable().is_none_or(|most| wanted <= most);
        if may_have && !seek.split && sum >= wanted {
            return Remedy::Split;
        }
        if may_have && !seek.locations.is_any() {
            let mut elsewhere = (0..self.offered.len()).filter(|place| !self.is_overdue(*place));
            let large = elsewhere.find(|place| {
                let location = &self.batch(*place).record().location;
                let barred = !seek.locations.as_slice().contains(location);
                barred && within(sum.plus(self.available(*place)), self.available(*place))
            });
            if let Some(place) = large {
                return Remedy::Location(self.batch(place).record().location.clone());
            }
        }
        if !may_have && within(sum, most) {
            let missing = wanted.saturating_sub(self.promisable().unwrap_or_default());
            let keep = self.kept_back.units().saturating_sub(missing);
            if let Ok(keep) = Count::new(i128::from(keep.get())) {
                return Remedy::SafetyStock(keep);
            }
        }
        let fewer = if seek.split {
            short.available
        } else {
            short.largest_batch
        };
        match Quantity::new(i128::from(fewer.get().min(u64::from(MAX_QUANTITY)))) {
            Ok(fewer) if fewer < seek.wanted => Remedy::Quantity(fewer),
            _ => Remedy::MoreStock(wanted.saturating_sub(fewer)),
        }
    }
}
