//! The report as Markdown.

use std::fmt::Write as _;

use crate::measure::results::Timing;
use crate::process::machine::Fact;
use crate::report::goal;
use crate::report::section::Section;

/// The whole report.
pub(crate) fn markdown(rounds: usize, timing: Timing, facts: &[Fact], sections: &[Section]) -> String {
    let mut text = String::new();
    write(&mut text, rounds, timing, facts, sections).expect("writing to a string does not fail");
    text
}

fn write(text: &mut String, rounds: usize, timing: Timing, facts: &[Fact], sections: &[Section]) -> std::fmt::Result {
    writeln!(text, "# Results of `cargo xtask bench`\n")?;
    for (name, value) in facts {
        writeln!(text, "- {name}: {value}")?;
    }
    writeln!(
        text,
        "- Rounds: {rounds}; in each, what is compared takes turns, {} s each after {} s of warm-up, on new databases \
         unless noted otherwise",
        timing.measured.as_secs(),
        timing.warm_up.as_secs()
    )?;
    let goals = goal::table(sections.iter().flat_map(|section| &section.goals));
    if !goals.is_empty() {
        write!(text, "\n## {}\n\n{}", goals.title, goals.markdown())?;
    }
    for section in sections {
        writeln!(text, "\n## {}\n\n{}", section.title, section.method)?;
        for table in section.tables.iter().filter(|table| !table.is_empty()) {
            write!(text, "\n### {}\n\n{}", table.title, table.markdown())?;
        }
        for chart in section.charts.iter().filter(|chart| !chart.is_empty()) {
            writeln!(text, "\n![{}]({})", chart.title, chart.file_name())?;
        }
        for problem in &section.problems {
            writeln!(text, "\n**WRONG**: {problem}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::goal::Goal;

    #[test]
    fn goals_come_first_and_problems_in_their_section() {
        let section = Section {
            title: "Allocations",
            goals: vec![Goal::none("hot SKU: errors", [0.0])],
            problems: vec!["SQLite, round 2: 7 units have no line".to_owned()],
            ..Section::default()
        };
        let timing = Timing {
            warm_up: Duration::from_secs(1),
            measured: Duration::from_secs(5),
        };
        let text = markdown(5, timing, &[("Cores", "2".to_owned())], &[section]);
        let goal = text.find("| hot SKU: errors | ").expect("the goal");
        let problem = text.find("**WRONG**: SQLite, round 2: 7 units").expect("the problem");
        assert!(goal < problem, "{text}");
        assert!(text.contains("- Cores: 2\n"), "{text}");
    }
}
