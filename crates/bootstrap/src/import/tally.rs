//! The tally: what became of the rows.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use earmark_adapters::files::Kind;
use earmark_domain::LineState;

/// Rows, by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    /// All that were read.
    pub(crate) rows: u64,
    /// Batches created.
    pub(crate) created: u64,
    /// Products named, or told how much of them is kept back.
    pub(crate) named: u64,
    /// Lines that got their stock.
    pub(crate) allocated: u64,
    /// Lines that wait for stock.
    pub(crate) backordered: u64,
    /// Lines refused for want of stock.
    pub(crate) refused: u64,
    /// What had been there before.
    pub(crate) unchanged: u64,
    /// Rows that made no sense, or that contradict what is there.
    pub(crate) bad: u64,
    /// How long it took.
    pub(crate) took: Duration,
}

impl Tally {
    /// Nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            rows: 0,
            created: 0,
            named: 0,
            allocated: 0,
            backordered: 0,
            refused: 0,
            unchanged: 0,
            bad: 0,
            took: Duration::ZERO,
        }
    }

    /// Lines that this command placed, each by where it stands.
    pub(crate) fn placed(states: impl IntoIterator<Item = LineState>) -> Self {
        let mut tally = Self::new();
        for state in states {
            match state {
                LineState::Held | LineState::Allocated => tally.allocated += 1,
                LineState::Backordered => tally.backordered += 1,
                LineState::Refused => tally.refused += 1,
                LineState::Cancelled | LineState::Expired | LineState::Dispatched => tally.unchanged += 1,
            }
        }
        tally
    }

    /// The summary that an import ends with.
    pub(crate) fn summary(&self, kind: Kind) -> Summary<'_> {
        Summary { tally: self, kind }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.rows += more.rows;
        self.created += more.created;
        self.named += more.named;
        self.allocated += more.allocated;
        self.backordered += more.backordered;
        self.refused += more.refused;
        self.unchanged += more.unchanged;
        self.bad += more.bad;
        self.took += more.took;
    }
}

/// A tally for people, a figure a line, with the words that a kind of file has.
pub(crate) struct Summary<'a> {
    tally: &'a Tally,
    kind: Kind,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            rows,
            created,
            named,
            allocated,
            backordered,
            refused,
            unchanged,
            bad,
            took,
        } = *self.tally;
        let done: &[(&str, u64)] = match self.kind {
            Kind::Products => &[("named", named)],
            Kind::Batches => &[("created", created)],
            Kind::Orders => &[
                ("allocated", allocated),
                ("backordered", backordered),
                ("refused", refused),
            ],
        };
        let figures = [("rows", rows)].into_iter().chain(done.iter().copied());
        for (what, count) in figures.chain([("unchanged", unchanged), ("bad", bad)]) {
            writeln!(f, "{what:<14}{count:>10}")?;
        }
        let seconds = took.as_secs_f64();
        writeln!(f, "{:<14}{seconds:>10.2}", "seconds")?;
        // Where no time passed that could be measured, there is no rate either.
        let rate = if seconds > 0.0 {
            f64::from(u32::try_from(rows).unwrap_or(u32::MAX)) / seconds
        } else {
            0.0
        };
        write!(f, "{:<14}{rate:>10.0}", "rows a second")
    }
}
