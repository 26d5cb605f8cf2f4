//! What a slice of the service, or of a yardstick, yields.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::measure::stats::rate;

/// How long a slice runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timing {
    /// Under load, but not yet measured.
    pub(crate) warm_up: Duration,
    pub(crate) measured: Duration,
}

/// Response times, as percentiles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Latency {
    pub(crate) p50: Duration,
    pub(crate) p90: Duration,
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
}

/// What a load generator observed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LoadResult {
    pub(crate) took: Duration,
    /// Responses by status.
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Requests that failed or timed out without a response.
    pub(crate) broken: u64,
    /// Responses with status 503 and a `Retry-After` header.
    pub(crate) retry_after: u64,
    pub(crate) latency: Latency,
}

/// The status of a newly allocated line or a placed order.
pub(crate) const CREATED: u16 = 201;
/// The status of a successful read.
pub(crate) const OK: u16 = 200;
/// The status of a line for which there is not enough stock.
pub(crate) const CONFLICT: u16 = 409;
/// The status of a request that the service rejects because its queue is full.
pub(crate) const BUSY: u16 = 503;

impl LoadResult {
    /// Responses with a status.
    pub(crate) fn count(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }

    /// Successful commands.
    pub(crate) fn created(&self) -> u64 {
        self.count(CREATED)
    }

    /// Successful commands per second.
    pub(crate) fn created_per_second(&self) -> f64 {
        rate(self.created(), self.took)
    }

    /// Responses with another status than the expected one, and broken requests.
    pub(crate) fn failures(&self, expected: u16) -> u64 {
        let others = self.statuses.iter().filter(|(status, _)| **status != expected);
        others.map(|(_, count)| count).sum::<u64>() + self.broken
    }

    /// Adds the responses of another load. Latencies are left as they are.
    pub(crate) fn add_counts(&mut self, other: &Self) {
        for (status, count) in &other.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.broken += other.broken;
        self.retry_after += other.retry_after;
    }

    /// The responses of several loads, by status, as text.
    pub(crate) fn summary<'a>(loads: impl IntoIterator<Item = &'a Self>) -> String {
        let mut total = Self::default();
        for load in loads {
            total.add_counts(load);
        }
        let statuses = total
            .statuses
            .iter()
            .map(|(status, count)| format!("{status}: {count}"));
        let broken = (total.broken > 0).then(|| format!("broken connections: {}", total.broken));
        statuses.chain(broken).collect::<Vec<_>>().join(", ")
    }
}

/// CPU time, by process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cpu {
    pub(crate) service: Duration,
    /// The database server; zero on SQLite, which runs in the service.
    pub(crate) database: Duration,
    pub(crate) load: Duration,
}

impl Cpu {
    /// The time spent since an earlier reading.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            service: self.service.saturating_sub(earlier.service),
            database: self.database.saturating_sub(earlier.database),
            load: self.load.saturating_sub(earlier.load),
        }
    }
}

/// Resident memory of a process, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Right after the start.
    pub(crate) idle: u64,
    /// At the end of the load.
    pub(crate) loaded: u64,
    /// The most at any time.
    pub(crate) peak: u64,
}

/// A slice of the service under load.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServiceSlice {
    pub(crate) load: LoadResult,
    pub(crate) cpu: Cpu,
    pub(crate) memory: Memory,
    /// From the start of the process until it is ready, on a database with its schema.
    pub(crate) start: Duration,
    /// What the audit of the store found wrong.
    pub(crate) problem: Option<String>,
}

/// A slice of a yardstick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RawSlice {
    /// Allocations, or rows read.
    pub(crate) done: u64,
    pub(crate) took: Duration,
    /// The median time of a transaction.
    pub(crate) transaction: Duration,
}

impl RawSlice {
    /// Allocations, or rows read, per second.
    pub(crate) fn per_second(&self) -> f64 {
        rate(self.done, self.took)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(statuses: &[(u16, u64)], broken: u64) -> LoadResult {
        LoadResult {
            took: Duration::from_secs(2),
            statuses: statuses.iter().copied().collect(),
            broken,
            ..LoadResult::default()
        }
    }

    #[test]
    fn every_unexpected_response_is_a_failure() {
        let load = load(&[(200, 3), (201, 100), (503, 2)], 4);
        assert_eq!((load.created(), load.failures(CREATED)), (100, 9));
        assert!((load.created_per_second() - 50.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_summary_adds_up_the_responses_of_several_loads() {
        let loads = [load(&[(201, 5)], 0), load(&[(201, 6), (503, 1)], 0)];
        assert_eq!(LoadResult::summary(&loads), "201: 11, 503: 1");
        assert_eq!(
            LoadResult::summary(&[load(&[(201, 5)], 2)]),
            "201: 5, broken connections: 2"
        );
    }
}
