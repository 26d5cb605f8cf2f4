//! Two things that take turns, round after round: how many a second each does, and what part the one is of the other.

use super::figures::Spread;
use super::report::{Goal, Unit, Wanted};
use super::table::{Table, range, ratio, whole};

/// All rounds of one comparison.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Contest {
    /// What is compared.
    pub(super) name: String,
    /// A second, round by round: the one that is judged, and the one it is held against.
    pub(super) rounds: Vec<(f64, f64)>,
    /// What else is to be told, one text for each column that follows.
    pub(super) beside: Vec<String>,
}

impl Contest {
    /// Without rounds yet.
    pub(super) fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            rounds: Vec::new(),
            beside: Vec::new(),
        }
    }

    /// Whether nothing was measured.
    pub(super) fn is_empty(&self) -> bool {
        self.rounds.is_empty()
    }

    /// How many a second the one that is judged does.
    pub(super) fn judged(&self) -> Spread {
        self.spread(|(judged, _)| judged)
    }

    /// How many a second the other does.
    pub(super) fn other(&self) -> Spread {
        self.spread(|(_, other)| other)
    }

    /// What part the one is of the other, within a round.
    pub(super) fn ratio(&self) -> Spread {
        self.spread(|(judged, other)| judged / other)
    }

    /// The last round in words.
    pub(super) fn last(&self) -> String {
        let (judged, other) = self.rounds.last().copied().unwrap_or_default();
        format!(
            "{}: {judged:.0}/s to {other:.0}/s, ratio {:.2}",
            self.name,
            judged / other
        )
    }

    /// A bound on the ratio.
    pub(super) fn goal(&self, what: &str, least: f64) -> Goal {
        Goal {
            what: format!("{}: {what}", self.name),
            wanted: Wanted::AtLeast(least),
            unit: Unit::Ratio,
            measured: self.ratio(),
        }
    }

    fn spread(&self, pick: impl Fn((f64, f64)) -> f64) -> Spread {
        Spread::of(self.rounds.iter().copied().map(pick)).expect("a comparison has rounds")
    }
}

/// Comparisons as a table. `judged` and `other` name the two sides, `beside` what else is told.
pub(super) fn table(judged: &str, other: &str, beside: &[&str], contests: &[Contest]) -> Table {
    let head = ["What", judged, "from–to", other, "from–to", "Ratio", "from–to"];
    let head: Vec<&str> = head.iter().chain(beside).copied().collect();
    let mut table = Table::new(1, &head);
    for contest in contests.iter().filter(|contest| !contest.is_empty()) {
        let (one, two, part) = (contest.judged(), contest.other(), contest.ratio());
        let cells = [
            contest.name.clone(),
            whole(one.median),
            range(one, whole),
            whole(two.median),
            range(two, whole),
            ratio(part.median),
            range(part, ratio),
        ];
        table.row(cells.into_iter().chain(contest.beside.iter().cloned()));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_that_of_a_round_and_not_of_medians() {
        let contest = Contest {
            rounds: vec![(10_000.0, 20_000.0), (12_000.0, 20_000.0), (8_000.0, 10_000.0)],
            beside: vec!["right".to_owned()],
            ..Contest::new("hot SKU")
        };
        let told = table("Earmark", "Raw", &["Books"], std::slice::from_ref(&contest)).markdown();
        let row = "| hot SKU |  10,000 | 8,000–12,000 | 20,000 | 10,000–20,000 |  0.60 | 0.50–0.80 | right |";
        assert!(told.contains(row), "{told}");
        assert!(contest.goal("allocations", 0.6).met());
    }

    #[test]
    fn what_was_not_measured_has_no_row() {
        assert!(table("Earmark", "Raw", &[], &[Contest::new("hot SKU")]).is_empty());
    }
}
