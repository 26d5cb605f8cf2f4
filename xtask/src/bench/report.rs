//! The report: tables for the terminal and for a Markdown file, which are one and the same.

use std::fmt::Write as _;
use std::time::Duration;

use super::figures::{Spread, each, median};
use super::machine::Fact;
use super::options::Options;
use super::plan::{Load, Round, Series, Verdict};

/// All of it, as Markdown.
pub(super) fn markdown(options: &Options, facts: &[Fact], series: &[Series]) -> String {
    let mut text = String::from("# Results of `cargo xtask bench`\n\n");
    for (name, value) in facts {
        add(&mut text, format_args!("- {name}: {value}\n"));
    }
    add(
        &mut text,
        format_args!(
            "- Rounds: {}, each a slice of the service and then one of the yardstick, {} s after {} s of warm-up, \
             each on a fresh database\n",
            options.rounds,
            options.slice.as_secs(),
            options.warm_up.as_secs()
        ),
    );
    for (title, table) in [
        ("Allocations a second", throughput(series)),
        ("Ratio to the yardstick, round by round", ratios(series)),
        ("Latency, by the client", latency(series)),
        ("Answers", answers(series)),
        ("Processor time an allocation", processor(series)),
        ("Start and memory", footprint(series)),
    ] {
        add(&mut text, format_args!("\n## {title}\n\n{}", aligned(&table)));
    }
    for told in wrong(series) {
        add(&mut text, format_args!("\n**The books were wrong**: {told}\n"));
    }
    text
}

/// What is wrong with the books of any slice, in words.
pub(super) fn wrong(series: &[Series]) -> Vec<String> {
    let mut found = Vec::new();
    for one in series {
        for (number, round) in one.rounds.iter().enumerate() {
            if let Verdict::Wrong(told) = &round.service.verdict {
                let (engine, workload) = (one.engine.name(), one.workload.name);
                found.push(format!("{engine}, {workload}, round {}: {told}", number + 1));
            }
        }
    }
    found
}

/// A table: its head, then its rows. The first two columns are texts, the others figures.
type Table = Vec<Vec<String>>;

fn head(columns: &[&str]) -> Table {
    vec![
        ["Database", "Load"]
            .iter()
            .chain(columns)
            .map(|&column| column.to_owned())
            .collect(),
    ]
}

fn table(columns: &[&str], series: &[Series], row: impl Fn(&Series) -> Vec<String>) -> Table {
    let mut table = head(columns);
    for one in series.iter().filter(|one| !one.rounds.is_empty()) {
        let mut cells = vec![one.engine.name().to_owned(), one.workload.name.to_owned()];
        cells.extend(row(one));
        table.push(cells);
    }
    table
}

fn throughput(series: &[Series]) -> Table {
    let columns = [
        "Earmark",
        "from–to",
        "Yardstick",
        "from–to",
        "Ratio",
        "from–to",
        "Books",
    ];
    table(&columns, series, |one| {
        let service = spread(one, |round| round.service.per_second());
        let yardstick = spread(one, |round| round.yardstick.per_second());
        let ratio = spread(one, Round::ratio);
        let right = one.rounds.iter().all(|round| round.service.verdict == Verdict::Right);
        vec![
            whole(service.median),
            format!("{}–{}", whole(service.least), whole(service.most)),
            whole(yardstick.median),
            format!("{}–{}", whole(yardstick.least), whole(yardstick.most)),
            format!("{:.2}", ratio.median),
            format!("{:.2}–{:.2}", ratio.least, ratio.most),
            if right { "right" } else { "WRONG" }.to_owned(),
        ]
    })
}

fn ratios(series: &[Series]) -> Table {
    let most = series.iter().map(|one| one.rounds.len()).max().unwrap_or(0);
    let columns: Vec<String> = (1..=most).map(|round| round.to_string()).collect();
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    table(&columns, series, |one| {
        one.rounds.iter().map(|round| format!("{:.2}", round.ratio())).collect()
    })
}

fn latency(series: &[Series]) -> Table {
    let columns = ["p50", "p90", "p99", "longest", "Yardstick's transaction"];
    table(&columns, series, |one| {
        let middle = |pick: fn(&Round) -> Duration| millis(median(one.rounds.iter().map(pick)));
        let longest = one.rounds.iter().map(|round| round.service.load.latency.max).max();
        vec![
            middle(|round| round.service.load.latency.p50),
            middle(|round| round.service.load.latency.p90),
            middle(|round| round.service.load.latency.p99),
            millis(longest.unwrap_or_default()),
            middle(|round| round.yardstick.transaction),
        ]
    })
}

fn answers(series: &[Series]) -> Table {
    table(
        &["By status, all rounds", "Broken connections", "Not allocated"],
        series,
        |one| {
            let mut all = Load::default();
            for round in &one.rounds {
                all.broken += round.service.load.broken;
                for (status, count) in &round.service.load.statuses {
                    *all.statuses.entry(*status).or_default() += count;
                }
            }
            let told: Vec<String> = all
                .statuses
                .iter()
                .map(|(status, count)| format!("{status}: {count}"))
                .collect();
            vec![told.join(", "), all.broken.to_string(), all.failures().to_string()]
        },
    )
}

fn processor(series: &[Series]) -> Table {
    table(&["Service", "Database server", "Load generator"], series, |one| {
        let spent = |pick: fn(&Round) -> Duration| {
            let each = one
                .rounds
                .iter()
                .map(|round| each(pick(round), round.service.load.allocations()));
            format!("{:.0} µs", median(each).as_secs_f64() * 1e6)
        };
        vec![
            spent(|round| round.service.cpu.service),
            spent(|round| round.service.cpu.database),
            spent(|round| round.service.cpu.load),
        ]
    })
}

fn footprint(series: &[Series]) -> Table {
    let columns = ["Start to ready", "Memory idle", "under load", "at most"];
    table(&columns, series, |one| {
        let bytes = |pick: fn(&Round) -> u64| {
            let most = one.rounds.iter().map(pick).max().unwrap_or(0);
            format!("{} MiB", most >> 20)
        };
        vec![
            millis(median(one.rounds.iter().map(|round| round.service.start))),
            bytes(|round| round.service.memory.idle),
            bytes(|round| round.service.memory.loaded),
            bytes(|round| round.service.memory.peak),
        ]
    })
}

fn spread(one: &Series, pick: impl Fn(&Round) -> f64) -> Spread {
    Spread::of(one.rounds.iter().map(pick)).expect("a series in a table has rounds")
}

/// A figure without its fraction, in groups of three.
fn whole(figure: f64) -> String {
    let digits = format!("{figure:.0}");
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn millis(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

/// The table as Markdown, its columns as wide as their widest cell.
fn aligned(table: &Table) -> String {
    let columns = table.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, column: usize| row.get(column).cloned().unwrap_or_default();
    let width = |column| {
        table
            .iter()
            .map(|row| cell(row, column).chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for (number, row) in table.iter().enumerate() {
        for (column, width) in widths.iter().copied().enumerate() {
            let cell = cell(row, column);
            if column < 2 {
                add(&mut text, format_args!("| {cell:<width$} "));
            } else {
                add(&mut text, format_args!("| {cell:>width$} "));
            }
        }
        text.push_str("|\n");
        if number == 0 {
            for (column, width) in widths.iter().copied().enumerate() {
                let right = if column < 2 { "-" } else { ":" };
                add(
                    &mut text,
                    format_args!("| {:-<dashes$}{right} ", "", dashes = width.saturating_sub(1)),
                );
            }
            text.push_str("|\n");
        }
    }
    text
}

fn add(text: &mut String, more: std::fmt::Arguments<'_>) {
    text.write_fmt(more).expect("a text takes all that is written");
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Engine, ServiceSlice, Workload, YardstickSlice};
    use super::*;

    fn round(allocations: u64, yardstick: u64, verdict: Verdict) -> Round {
        let second = Duration::from_secs(1);
        Round {
            service: ServiceSlice {
                load: Load {
                    took: second,
                    statuses: [(201, allocations)].into(),
                    ..Load::default()
                },
                cpu: super::super::plan::Cpu {
                    service: second,
                    ..Default::default()
                },
                memory: super::super::plan::Memory {
                    idle: 5 << 20,
                    loaded: 9 << 20,
                    peak: 12 << 20,
                },
                start: Duration::from_millis(40),
                verdict,
            },
            yardstick: YardstickSlice {
                allocations: yardstick,
                took: second,
                transaction: Duration::from_millis(3),
            },
        }
    }

    fn series(rounds: Vec<Round>) -> Series {
        Series {
            engine: Engine::Sqlite,
            workload: Workload::ALL[0],
            rounds,
        }
    }

    #[test]
    fn figures_are_grouped_by_three() {
        assert_eq!(whole(0.0), "0");
        assert_eq!(whole(999.6), "1,000");
        assert_eq!(whole(1_234_567.0), "1,234,567");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let table = [["a", "load", "n"], ["SQLite", "hot", "12,000"]];
        let table: Table = table
            .iter()
            .map(|row| row.iter().map(|&cell| cell.to_owned()).collect())
            .collect();
        let expected = "\
| a      | load |      n |
| ------ | ---- | -----: |
| SQLite | hot  | 12,000 |
";
        assert_eq!(aligned(&table), expected);
    }

    #[test]
    fn throughput_tells_the_median_the_spread_and_the_ratio() {
        let rounds = [(10_000, 20_000), (12_000, 20_000), (8_000, 10_000)];
        let rounds = rounds
            .into_iter()
            .map(|(service, raw)| round(service, raw, Verdict::Right))
            .collect();
        let table = throughput(&[series(rounds)]);
        assert_eq!(
            table[1][2..],
            [
                "10,000",
                "8,000–12,000",
                "20,000",
                "10,000–20,000",
                "0.60",
                "0.50–0.80",
                "right"
            ]
        );
    }

    #[test]
    fn a_fast_run_with_wrong_books_is_shown_as_such() {
        let rounds = vec![
            round(10_000, 20_000, Verdict::Right),
            round(90_000, 20_000, Verdict::Wrong("7 units are nobody's".to_owned())),
        ];
        let series = [series(rounds)];
        assert_eq!(throughput(&series)[1].last().map(String::as_str), Some("WRONG"));
        assert_eq!(wrong(&series), ["SQLite, 1,000 SKUs, round 2: 7 units are nobody's"]);
        let options = Options::parse(&[]).expect("no arguments are fine");
        assert!(markdown(&options, &[], &series).contains("**The books were wrong**"));
    }

    #[test]
    fn processor_time_is_told_by_the_allocation() {
        let table = processor(&[series(vec![round(10_000, 20_000, Verdict::Right)])]);
        assert_eq!(table[1][2..], ["100 µs", "0 µs", "0 µs"]);
    }

    #[test]
    fn a_series_without_rounds_has_no_row() {
        assert_eq!(throughput(&[series(Vec::new())]).len(), 1);
    }
}
