//! A comparison of two rates that are measured in turn, round after round.

use crate::measure::stats::Spread;
use crate::report::figures::{range, ratio, whole};
use crate::report::goal::{Goal, Unit};
use crate::report::table::Table;

/// All rounds of one comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) name: String,
    /// Per round, the rate under test and the reference, per second.
    pub(crate) rounds: Vec<(f64, f64)>,
    /// Cells of further columns.
    pub(crate) extra: Vec<String>,
}

impl Comparison {
    /// Without rounds.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            rounds: Vec::new(),
            extra: Vec::new(),
        }
    }

    /// The rate under test.
    pub(crate) fn tested(&self) -> Spread {
        self.spread(|(tested, _)| tested)
    }

    /// The reference rate.
    pub(crate) fn reference(&self) -> Spread {
        self.spread(|(_, reference)| reference)
    }

    /// The ratio within each round: what disturbs the machine for a while hits both rates.
    pub(crate) fn ratio(&self) -> Spread {
        self.spread(|(tested, reference)| tested / reference)
    }

    /// The last round, as text.
    pub(crate) fn last(&self) -> String {
        let (tested, reference) = self.rounds.last().copied().unwrap_or_default();
        format!(
            "{}: {tested:.0}/s, reference {reference:.0}/s, ratio {:.2}",
            self.name,
            tested / reference
        )
    }

    /// A lower bound on the ratio.
    pub(crate) fn goal(&self, what: &str, bound: f64) -> Goal {
        Goal::at_least(format!("{}: {what}", self.name), bound, Unit::Ratio, self.ratio())
    }

    fn spread(&self, pick: impl Fn((f64, f64)) -> f64) -> Spread {
        Spread::of(self.rounds.iter().copied().map(pick))
    }
}

/// Comparisons as a table. `extra` are the heads of further columns.
pub(crate) fn table(title: &str, [tested, reference]: [&str; 2], extra: &[&str], comparisons: &[Comparison]) -> Table {
    let head = ["What", tested, "from–to", reference, "from–to", "Ratio", "from–to"];
    let mut table = Table::new(title, 1, head.into_iter().chain(extra.iter().copied()));
    for comparison in comparisons.iter().filter(|comparison| !comparison.rounds.is_empty()) {
        let (tested, reference) = (comparison.tested(), comparison.reference());
        let cells = [
            comparison.name.clone(),
            whole(tested.median),
            range(tested, whole),
            whole(reference.median),
            range(reference, whole),
            ratio(comparison.ratio().median),
            range(comparison.ratio(), ratio),
        ];
        table.row(cells.into_iter().chain(comparison.extra.iter().cloned()));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_taken_within_each_round() {
        let comparison = Comparison {
            rounds: vec![(10_000.0, 20_000.0), (12_000.0, 20_000.0), (8_000.0, 10_000.0)],
            extra: vec!["right".to_owned()],
            ..Comparison::new("hot SKU")
        };
        let table = table(
            "Rates",
            ["Earmark", "Raw"],
            &["Store"],
            std::slice::from_ref(&comparison),
        )
        .markdown();
        let row = "| hot SKU |  10,000 | 8,000–12,000 | 20,000 | 10,000–20,000 |  0.60 | 0.50–0.80 | right |";
        assert!(table.contains(row), "{table}");
        assert!(comparison.goal("allocations", 0.6).met());
    }

    #[test]
    fn a_comparison_without_rounds_has_no_row() {
        assert!(table("Rates", ["Earmark", "Raw"], &[], &[Comparison::new("hot SKU")]).is_empty());
    }
}
