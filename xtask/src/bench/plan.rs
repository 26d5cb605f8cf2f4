//! What is measured: databases and workloads, and what a slice of one comes to.

use std::collections::BTreeMap;
use std::time::Duration;

use super::figures::rate;

/// Where the books are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(super) const ALL: [Self; 2] = [Self::Sqlite, Self::Postgres];

    /// As it is typed.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }

    /// As it is called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A way to load the service, with the yardstick it is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Workload {
    pub(super) name: &'static str,
    /// How many SKUs the requests are spread over, uniformly.
    pub(super) products: u32,
    /// Connections that each have one request under way.
    pub(super) connections: u32,
    /// The yardstick's allocations a transaction.
    pub(super) lines: u32,
    /// The yardstick's connections, where the database takes more than one writer.
    pub(super) writers: u32,
}

impl Workload {
    pub(super) const ALL: [Self; 3] = [
        Self {
            name: "1,000 SKUs",
            products: 1_000,
            connections: 64,
            lines: 128,
            writers: 2,
        },
        Self {
            name: "one hot SKU",
            products: 1,
            connections: 64,
            lines: 128,
            writers: 2,
        },
        Self {
            name: "one connection",
            products: 1_000,
            connections: 1,
            lines: 1,
            writers: 1,
        },
    ];
}

/// How long answers took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Latency {
    pub(super) p50: Duration,
    pub(super) p90: Duration,
    pub(super) p99: Duration,
    pub(super) max: Duration,
}

/// What the load generator saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) took: Duration,
    /// Answers by status.
    pub(super) statuses: BTreeMap<u16, u64>,
    /// Connections that failed or fell silent.
    pub(super) broken: u64,
    pub(super) latency: Latency,
}

/// The status of a line that was allocated anew.
const CREATED: u16 = 201;

impl Load {
    /// Lines that were allocated, and nothing else.
    pub(super) fn allocations(&self) -> u64 {
        self.statuses.get(&CREATED).copied().unwrap_or(0)
    }

    /// Answers that were something else, and connections that broke.
    pub(super) fn failures(&self) -> u64 {
        let others = self.statuses.iter().filter(|(status, _)| **status != CREATED);
        others.map(|(_, count)| count).sum::<u64>() + self.broken
    }
}

/// Processor time, by who spent it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cpu {
    pub(super) service: Duration,
    pub(super) database: Duration,
    pub(super) load: Duration,
}

/// What a process held in memory, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// Right after the start.
    pub(super) idle: u64,
    /// At the end of the load.
    pub(super) loaded: u64,
    /// The most at any time.
    pub(super) peak: u64,
}

/// Whether what is stored is what was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Right,
    /// What is wrong, in words.
    Wrong(String),
}

/// A slice of the service under load.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ServiceSlice {
    pub(super) load: Load,
    pub(super) cpu: Cpu,
    pub(super) memory: Memory,
    /// From the start of the process to the first answer that it is ready, on a database that has its schema.
    pub(super) start: Duration,
    pub(super) verdict: Verdict,
}

impl ServiceSlice {
    pub(super) fn per_second(&self) -> f64 {
        rate(self.load.allocations(), self.load.took)
    }
}

/// A slice of the raw work.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct YardstickSlice {
    pub(super) allocations: u64,
    pub(super) took: Duration,
    /// The middle transaction (SQLite) or the mean one (PostgreSQL).
    pub(super) transaction: Duration,
}

impl YardstickSlice {
    pub(super) fn per_second(&self) -> f64 {
        rate(self.allocations, self.took)
    }
}

/// One round: the service, and right after it the yardstick.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Round {
    pub(super) service: ServiceSlice,
    pub(super) yardstick: YardstickSlice,
}

impl Round {
    /// What part of the yardstick the service reaches.
    pub(super) fn ratio(&self) -> f64 {
        let raw = self.yardstick.per_second();
        if raw == 0.0 {
            0.0
        } else {
            self.service.per_second() / raw
        }
    }
}

/// All rounds of one workload on one database.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub(super) engine: Engine,
    pub(super) workload: Workload,
    pub(super) rounds: Vec<Round>,
}
