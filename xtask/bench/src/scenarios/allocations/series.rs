//! The measurements of one case.

use std::time::Duration;

use super::cases::Case;
use crate::measure::results::{RawSlice, ServiceSlice};
use crate::measure::stats::Spread;
use crate::report::figures::millis;

/// A slice of the service, and right after it a slice of the yardstick.
#[derive(Debug, Clone)]
pub(super) struct Round {
    pub(super) service: ServiceSlice,
    pub(super) raw: RawSlice,
}

impl Round {
    /// Allocations per second of the service.
    pub(super) fn rate(&self) -> f64 {
        self.service.load.created_per_second()
    }

    /// The ratio of the throughputs.
    pub(super) fn throughput_ratio(&self) -> f64 {
        self.rate() / self.raw.per_second()
    }

    /// The ratio of the median latency to the yardstick's median transaction.
    pub(super) fn latency_ratio(&self) -> f64 {
        self.service.load.latency.p50.as_secs_f64() / self.raw.transaction.as_secs_f64()
    }

    /// As text.
    pub(super) fn summary(&self) -> String {
        format!(
            "{:.0}/s, raw {:.0}/s, ratio {:.2}; p50 {}, raw {}",
            self.rate(),
            self.raw.per_second(),
            self.throughput_ratio(),
            millis(self.service.load.latency.p50),
            millis(self.raw.transaction),
        )
    }
}

/// All rounds of a case.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) case: Case,
    pub(super) rounds: Vec<Round>,
}

impl Series {
    /// Without rounds.
    pub(super) const fn new(case: Case) -> Self {
        Self {
            case,
            rounds: Vec::new(),
        }
    }

    /// As the report names it.
    pub(super) fn name(&self) -> String {
        format!("{}, {}", self.case.engine.name(), self.case.name)
    }

    /// A figure over all rounds.
    pub(super) fn spread(&self, pick: impl Fn(&Round) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(pick))
    }

    /// A duration of each round.
    pub(super) fn durations(&self, pick: impl Fn(&Round) -> Duration) -> impl Iterator<Item = Duration> {
        self.rounds.iter().map(pick)
    }

    /// The store's problems, by round.
    pub(super) fn problems(&self) -> impl Iterator<Item = String> {
        self.rounds.iter().enumerate().filter_map(|(number, round)| {
            let problem = round.service.problem.as_ref()?;
            Some(format!("{}, round {}: {problem}", self.name(), number + 1))
        })
    }
}
