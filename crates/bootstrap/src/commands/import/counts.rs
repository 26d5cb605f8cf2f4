//! Counts: the rows of an import by their result.

use std::fmt;
use std::ops::AddAssign;
use std::time::Duration;

use earmark_adapters::files::Kind;
use earmark_domain::LineState;

/// The number of rows by result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    /// All rows that were read.
    pub(crate) rows: u64,
    /// Batches created.
    pub(crate) created: u64,
    /// Products whose name or safety stock was set.
    pub(crate) named: u64,
    /// Batches and orders that were changed.
    pub(crate) changed: u64,
    /// Lines with stock.
    pub(crate) allocated: u64,
    /// Lines in the backlog.
    pub(crate) backordered: u64,
    /// Lines refused because stock was short.
    pub(crate) refused: u64,
    /// Rows that were added to an earlier one, or say the same.
    pub(crate) added: u64,
    /// Rows that changed nothing.
    pub(crate) unchanged: u64,
    /// Rows that are malformed or contradict the stored state.
    pub(crate) bad: u64,
    /// The duration of the import.
    pub(crate) took: Duration,
}

impl Counts {
    /// All zero.
    pub(crate) const fn new() -> Self {
        Self {
            rows: 0,
            created: 0,
            named: 0,
            changed: 0,
            allocated: 0,
            backordered: 0,
            refused: 0,
            added: 0,
            unchanged: 0,
            bad: 0,
            took: Duration::ZERO,
        }
    }

    /// The counts of lines that a command placed, by their states.
    pub(super) fn of_lines(states: impl IntoIterator<Item = LineState>) -> Self {
        let mut counts = Self::new();
        for state in states {
            match state {
                LineState::Held | LineState::Allocated => counts.allocated += 1,
                LineState::Backordered => counts.backordered += 1,
                LineState::Refused => counts.refused += 1,
                LineState::Cancelled | LineState::Expired | LineState::Dispatched => counts.unchanged += 1,
            }
        }
        counts
    }

    /// The summary that an import of this kind prints at its end.
    pub(super) const fn summary(&self, kind: Kind) -> Summary<'_> {
        Summary { counts: self, kind }
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, more: Self) {
        self.rows += more.rows;
        self.created += more.created;
        self.named += more.named;
        self.changed += more.changed;
        self.allocated += more.allocated;
        self.backordered += more.backordered;
        self.refused += more.refused;
        self.added += more.added;
        self.unchanged += more.unchanged;
        self.bad += more.bad;
        self.took += more.took;
    }
}

/// Displays the counts that a kind of file has, one a line.
pub(super) struct Summary<'a> {
    counts: &'a Counts,
    kind: Kind,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts {
            rows,
            created,
            named,
            changed,
            allocated,
            backordered,
            refused,
            added,
            unchanged,
            bad,
            took,
        } = *self.counts;
        let by_kind: &[(&str, u64)] = match self.kind {
            Kind::Products => &[("named", named)],
            Kind::Batches => &[("created", created)],
            Kind::Orders => &[
                ("allocated", allocated),
                ("backordered", backordered),
                ("refused", refused),
            ],
            Kind::Counts | Kind::Receipts => &[("changed", changed)],
            Kind::Changes => &[
                ("created", created),
                ("named", named),
                ("changed", changed),
                ("allocated", allocated),
                ("backordered", backordered),
                ("refused", refused),
            ],
        };
        let added = [("added", added)].into_iter().filter(|(_, count)| *count > 0);
        let figures = [("rows", rows)].into_iter().chain(by_kind.iter().copied()).chain(added);
        for (what, count) in figures.chain([("unchanged", unchanged), ("bad", bad)]) {
            writeln!(f, "{what:<14}{count:>10}")?;
        }
        let seconds = took.as_secs_f64();
        writeln!(f, "{:<14}{seconds:>10.2}", "seconds")?;
        // An import too short to measure has no rate.
        let rate = if seconds > 0.0 {
            f64::from(u32::try_from(rows).unwrap_or(u32::MAX)) / seconds
        } else {
            0.0
        };
        write!(f, "{:<14}{rate:>10.0}", "rows a second")
    }
}
