//! Goals: bounds that measurements should keep.

use crate::measure::stats::Spread;
use crate::report::figures::{range, ratio, whole};
use crate::report::table::Table;

/// A bound on a figure, and what was measured.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Goal {
    what: String,
    bound: Bound,
    unit: Unit,
    /// Over all rounds; the median counts.
    measured: Spread,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

/// The unit of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Ratio,
    PerSecond,
    Millis,
    Mebibytes,
    Count,
}

impl Unit {
    fn format(self, figure: f64) -> String {
        match self {
            Self::Ratio => ratio(figure),
            Self::PerSecond => format!("{}/s", whole(figure)),
            Self::Millis => format!("{figure:.1} ms"),
            Self::Mebibytes => format!("{figure:.1} MiB"),
            Self::Count => whole(figure),
        }
    }
}

impl Goal {
    /// A lower bound.
    pub(crate) fn at_least(what: impl Into<String>, bound: f64, unit: Unit, measured: Spread) -> Self {
        Self {
            what: what.into(),
            bound: Bound::AtLeast(bound),
            unit,
            measured,
        }
    }

    /// An upper bound.
    pub(crate) fn at_most(what: impl Into<String>, bound: f64, unit: Unit, measured: Spread) -> Self {
        Self {
            what: what.into(),
            bound: Bound::AtMost(bound),
            unit,
            measured,
        }
    }

    /// That something never happens.
    pub(crate) fn none(what: impl Into<String>, counts: impl IntoIterator<Item = f64>) -> Self {
        Self::at_most(what, 0.0, Unit::Count, Spread::of(counts))
    }

    /// Whether the median keeps the bound.
    pub(crate) fn met(&self) -> bool {
        match self.bound {
            Bound::AtLeast(bound) => self.measured.median >= bound,
            Bound::AtMost(bound) => self.measured.median <= bound,
        }
    }

    fn row(&self) -> [String; 5] {
        let format = |figure| self.unit.format(figure);
        [
            self.what.clone(),
            match self.bound {
                Bound::AtLeast(bound) => format!("≥ {}", format(bound)),
                Bound::AtMost(bound) => format!("≤ {}", format(bound)),
            },
            format(self.measured.median),
            range(self.measured, format),
            if self.met() { "met" } else { "not met" }.to_owned(),
        ]
    }
}

/// Goals as a table.
pub(crate) fn table<'a>(goals: impl IntoIterator<Item = &'a Goal>) -> Table {
    let mut table = Table::new("Goals", 1, ["What", "Goal", "Median", "from–to", "Met"]);
    for goal in goals {
        table.row(goal.row());
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_decides_whether_a_goal_is_met() {
        let measured = Spread::of([0.4, 0.5, 0.6]);
        assert!(Goal::at_least("hot SKU", 0.5, Unit::Ratio, measured).met());
        assert!(!Goal::at_least("hot SKU", 0.51, Unit::Ratio, measured).met());
        assert!(Goal::at_most("hot SKU", 0.5, Unit::Ratio, measured).met());
        assert!(!Goal::none("errors", [0.0, 1.0, 1.0]).met());
    }

    #[test]
    fn a_goal_is_a_row_of_a_table() {
        let measured = Spread::of([7_000.0, 9_000.0, 9_500.0]);
        let goal = Goal::at_least("hot SKU", 8_000.0, Unit::PerSecond, measured);
        let table = table([&goal]).markdown();
        assert!(
            table.contains("| hot SKU | ≥ 8,000/s | 9,000/s | 7,000/s–9,500/s | met |"),
            "{table}"
        );
    }
}
