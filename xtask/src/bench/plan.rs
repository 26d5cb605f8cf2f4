//! What is measured, in words that all scenarios share: databases, loads, and what a slice of one comes to.

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
    pub(super) const ALL: [Self; 2] = [Self::Postgres, Self::Sqlite];

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

/// How order ids follow each other.
///
/// A database keeps them sorted: rising ones land side by side on a few pages, random ones each on a page of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// As a shop counts its orders, or as time-ordered UUIDs do.
    Rising,
    /// As random UUIDs do.
    Random,
}

impl Keys {
    /// As the load generator is told.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Rising => "rising",
            Self::Random => "random",
        }
    }
}

/// Work done raw in the database, which the service is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// Many allocations a transaction, in one statement on PostgreSQL.
    Set {
        /// Allocations a transaction.
        lines: u32,
        /// Connections, where the database takes more than one writer.
        writers: u32,
    },
    /// One allocation a transaction, by a function in the server: PostgreSQL only.
    Function {
        /// Connections.
        clients: u32,
    },
    /// One allocation a transaction, statement by statement, on one connection.
    Statements,
}

impl Work {
    /// As many a transaction as pay.
    pub(super) const SET: Self = Self::Set { lines: 128, writers: 2 };

    /// In a few words.
    pub(super) fn name(self) -> String {
        match self {
            Self::Set { lines, .. } => format!("set-based, {lines} a transaction"),
            Self::Function { clients } => format!("one server-side function, {clients} clients"),
            Self::Statements => "six statements, one client".to_owned(),
        }
    }

    /// Allocations a transaction.
    pub(super) const fn lines(self) -> u32 {
        match self {
            Self::Set { lines, .. } => lines,
            Self::Function { .. } | Self::Statements => 1,
        }
    }

    /// Connections.
    pub(super) const fn clients(self) -> u32 {
        match self {
            Self::Set { writers, .. } => writers,
            Self::Function { clients } => clients,
            Self::Statements => 1,
        }
    }
}

/// A yardstick on its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Yardstick {
    pub(super) work: Work,
    /// How many SKUs the lines are spread over, uniformly.
    pub(super) products: u32,
    pub(super) keys: Keys,
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
    /// Answers that said when to come again.
    pub(super) retry_after: u64,
    pub(super) latency: Latency,
}

/// The status of a line that was allocated anew, or an order that was placed.
pub(super) const CREATED: u16 = 201;
/// The status of something that was read.
pub(super) const OK: u16 = 200;
/// The status of a request that was turned away because too many were waiting.
pub(super) const BUSY: u16 = 503;

impl Load {
    /// Answers with a status.
    pub(super) fn count(&self, status: u16) -> u64 {
        self.statuses.get(&status).copied().unwrap_or(0)
    }

    /// Commands that did what they were to do, and nothing else.
    pub(super) fn created(&self) -> u64 {
        self.count(CREATED)
    }

    /// Of these, how many a second.
    pub(super) fn created_per_second(&self) -> f64 {
        rate(self.created(), self.took)
    }

    /// Answers with another status than the one that is wanted, and connections that broke.
    pub(super) fn failures(&self, wanted: u16) -> u64 {
        let others = self.statuses.iter().filter(|(status, _)| **status != wanted);
        others.map(|(_, count)| count).sum::<u64>() + self.broken
    }

    /// Answers by status and broken connections, added up over several loads and told in words.
    pub(super) fn told<'a>(loads: impl IntoIterator<Item = &'a Self>) -> String {
        let mut sums: BTreeMap<u16, u64> = BTreeMap::new();
        let mut broken = 0;
        for load in loads {
            broken += load.broken;
            for (status, count) in &load.statuses {
                *sums.entry(*status).or_default() += count;
            }
        }
        let mut told: Vec<String> = sums
            .iter()
            .map(|(status, count)| format!("{status}: {count}"))
            .collect();
        if broken > 0 {
            told.push(format!("broken connections: {broken}"));
        }
        told.join(", ")
    }
}

/// Processor time, by who spent it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cpu {
    pub(super) service: Duration,
    pub(super) database: Duration,
    pub(super) load: Duration,
}

impl Cpu {
    /// What was spent since.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            service: self.service.saturating_sub(before.service),
            database: self.database.saturating_sub(before.database),
            load: self.load.saturating_sub(before.load),
        }
    }
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

/// A slice of raw work.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RawSlice {
    /// Allocations, or rows read.
    pub(super) done: u64,
    pub(super) took: Duration,
    /// The middle transaction.
    pub(super) transaction: Duration,
}

impl RawSlice {
    pub(super) fn per_second(&self) -> f64 {
        rate(self.done, self.took)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(statuses: &[(u16, u64)], broken: u64) -> Load {
        Load {
            took: Duration::from_secs(2),
            statuses: statuses.iter().copied().collect(),
            broken,
            ..Load::default()
        }
    }

    #[test]
    fn all_that_is_not_wanted_is_a_failure() {
        let load = load(&[(200, 3), (201, 100), (503, 2)], 4);
        assert_eq!((load.created(), load.failures(CREATED)), (100, 9));
        assert!((load.created_per_second() - 50.0).abs() < f64::EPSILON);
    }

    #[test]
    fn answers_of_several_loads_are_added_up() {
        let loads = [load(&[(201, 5)], 0), load(&[(201, 6), (503, 1)], 0)];
        assert_eq!(Load::told(&loads), "201: 11, 503: 1");
        assert_eq!(Load::told(&[load(&[(201, 5)], 2)]), "201: 5, broken connections: 2");
    }
}
