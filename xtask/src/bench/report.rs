//! The report: what scenarios found, for the terminal and for a Markdown file, which are one and the same.

use super::chart::Chart;
use super::figures::Spread;
use super::machine::Fact;
use super::options::Options;
use super::table::{Table, add, range, ratio, whole};

/// What one scenario found.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Section {
    pub(super) title: String,
    /// What was done, in words.
    pub(super) told: Vec<String>,
    /// Tables, each with a title.
    pub(super) tables: Vec<(String, Table)>,
    /// Pictures, each in a file beside the report.
    pub(super) charts: Vec<Chart>,
    /// What was hoped for, and what came of it.
    pub(super) goals: Vec<Goal>,
    /// What is wrong with any books, in words.
    pub(super) wrong: Vec<String>,
}

/// Something hoped for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Goal {
    /// Of what.
    pub(super) what: String,
    pub(super) wanted: Wanted,
    pub(super) unit: Unit,
    /// Over all rounds: the median is what counts.
    pub(super) measured: Spread,
}

/// A bound on a figure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Of one thing to another.
    Ratio,
    /// Things a second.
    PerSecond,
    Millis,
    Mebibytes,
    /// Things.
    Count,
}

impl Unit {
    fn write(self, figure: f64) -> String {
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
    /// Whether the median keeps the bound.
    pub(super) fn met(&self) -> bool {
        match self.wanted {
            Wanted::AtLeast(bound) => self.measured.median >= bound,
            Wanted::AtMost(bound) => self.measured.median <= bound,
        }
    }

    fn wanted(&self) -> String {
        match self.wanted {
            Wanted::AtLeast(bound) => format!("≥ {}", self.unit.write(bound)),
            Wanted::AtMost(bound) => format!("≤ {}", self.unit.write(bound)),
        }
    }
}

/// All of it, as Markdown.
pub(super) fn markdown(options: &Options, facts: &[Fact], sections: &[Section]) -> String {
    let mut text = String::from("# Results of `cargo xtask bench`\n\n");
    for (name, value) in facts {
        add(&mut text, format_args!("- {name}: {value}\n"));
    }
    add(
        &mut text,
        format_args!(
            "- Rounds: {}; in each, what is compared takes turns, {} s each after {} s of warm-up, on fresh databases \
             unless told otherwise\n",
            options.rounds,
            options.times.measured.as_secs(),
            options.times.warm_up.as_secs()
        ),
    );
    let goals = goals(sections);
    if !goals.is_empty() {
        add(&mut text, format_args!("\n## Goals\n\n{}", goals.markdown()));
    }
    for section in sections {
        add(&mut text, format_args!("\n## {}\n", section.title));
        for told in &section.told {
            add(&mut text, format_args!("\n{told}\n"));
        }
        for (title, table) in section.tables.iter().filter(|(_, table)| !table.is_empty()) {
            add(&mut text, format_args!("\n### {title}\n\n{}", table.markdown()));
        }
        for chart in section.charts.iter().filter(|chart| !chart.is_empty()) {
            add(&mut text, format_args!("\n![{}]({})\n", chart.title(), chart.file()));
        }
        for told in &section.wrong {
            add(&mut text, format_args!("\n**WRONG**: {told}\n"));
        }
    }
    text
}

fn goals(sections: &[Section]) -> Table {
    let mut table = Table::new(1, &["What", "Goal", "Median", "from–to", "Met"]);
    for goal in sections.iter().flat_map(|section| &section.goals) {
        let write = |figure| goal.unit.write(figure);
        table.row([
            goal.what.clone(),
            goal.wanted(),
            write(goal.measured.median),
            range(goal.measured, write),
            if goal.met() { "met" } else { "not met" }.to_owned(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(wanted: Wanted, unit: Unit, measured: [f64; 3]) -> Goal {
        Goal {
            what: "hot SKU".to_owned(),
            wanted,
            unit,
            measured: Spread::of(measured).expect("three measurements"),
        }
    }

    #[test]
    fn a_goal_is_met_by_the_median() {
        assert!(goal(Wanted::AtLeast(0.5), Unit::Ratio, [0.4, 0.5, 0.6]).met());
        assert!(!goal(Wanted::AtLeast(0.5), Unit::Ratio, [0.4, 0.49, 0.6]).met());
        assert!(goal(Wanted::AtMost(20.0), Unit::Millis, [8.0, 19.0, 90.0]).met());
        assert!(!goal(Wanted::AtMost(20.0), Unit::Millis, [8.0, 21.0, 90.0]).met());
    }

    #[test]
    fn goals_stand_first_and_what_is_wrong_is_told_with_its_section() {
        let section = Section {
            title: "Allocations".to_owned(),
            goals: vec![goal(
                Wanted::AtLeast(8_000.0),
                Unit::PerSecond,
                [7_000.0, 9_000.0, 9_500.0],
            )],
            wrong: vec!["SQLite, round 2: 7 units are nobody's".to_owned()],
            ..Section::default()
        };
        let options = Options::parse(&[]).expect("no arguments are fine");
        let text = markdown(&options, &[("Cores", "2".to_owned())], &[section]);
        let goal = text
            .find("| hot SKU | ≥ 8,000/s | 9,000/s | 7,000/s–9,500/s | met |")
            .expect("the goal");
        let wrong = text
            .find("**WRONG**: SQLite, round 2: 7 units are nobody's")
            .expect("what is wrong");
        assert!(goal < wrong, "{text}");
        assert!(text.contains("- Cores: 2\n"), "{text}");
    }
}
