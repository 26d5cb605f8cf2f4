//! A whole run: prepares the programs and servers, runs the scenarios, writes the report.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::ValueEnum;
use xtask::{Failure, Interruptions, Server, cargo, folder_of, install, say};

use crate::bench::Bench;
use crate::options::{Options, Scenario};
use crate::process::machine::{self, Fact};
use crate::process::program::Programs;
use crate::report::figures::mebibytes;
use crate::report::markdown::markdown;
use crate::report::section::Section;
use crate::scenarios;
use crate::service::http::Http;
use crate::service::running::{Service, binary, target_folder};
use crate::stores::postgres::Postgres;
use crate::stores::store::Engine;
use crate::yardsticks::sqlite;

/// Measures and reports. After the report, it fails if any store or response was wrong.
pub(crate) fn run(options: Options, interruptions: Interruptions) -> Result<(), Failure> {
    interruptions.step(cargo().args(["build", "--release", "--package", "earmark"]))?;
    if folder_of("wrk", &[]).is_none() {
        install("wrk", &interruptions)?;
    }
    let started = Instant::now();
    let binary = binary()?;
    let out = match &options.out {
        Some(out) => out.clone(),
        None => target_folder(&binary)?.join("bench").join("results.md"),
    };
    let scratch = tempfile::Builder::new().prefix("earmark-bench-").tempdir()?;
    let programs = Programs {
        scratch: scratch.path().to_owned(),
        interruptions,
    };
    let bench = Bench {
        postgres: start_postgres(&options, &programs)?,
        service: Service {
            binary,
            programs: programs.clone(),
            http: Http::new()?,
        },
        programs,
        options,
    };
    let mut facts = facts(&bench)?;
    let mut sections = Vec::new();
    for scenario in bench.options.scenarios() {
        say(&format!("\n# {}", name(scenario)));
        sections.extend(scenarios::run(&bench, scenario)?);
    }
    let seconds = started.elapsed().as_secs();
    facts.push(("Took", format!("{} min {} s", seconds / 60, seconds % 60)));

    let report = markdown(bench.options.rounds(), bench.options.timing(), &facts, &sections);
    say(&format!("\n{report}"));
    write(&out, &report, &sections)?;
    say(&format!("\nWritten to {}, with its charts beside it", out.display()));
    match sections.iter().map(|section| section.problems.len()).sum() {
        0_usize => Ok(()),
        problems => Err(format!("{problems} problems: see the report").into()),
    }
}

fn start_postgres(options: &Options, programs: &Programs) -> Result<Option<Postgres>, Failure> {
    if !options.engines().contains(&Engine::Postgres) {
        return Ok(None);
    }
    Ok(Some(Postgres {
        server: Server::start(&programs.interruptions)?,
        programs: programs.clone(),
    }))
}

fn name(scenario: Scenario) -> String {
    let value = scenario.to_possible_value();
    value.map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// What the figures depend on.
fn facts(bench: &Bench) -> Result<Vec<Fact>, Failure> {
    let mut facts = machine::facts(Path::new(env!("CARGO_MANIFEST_DIR")), &bench.programs.scratch);
    let size = mebibytes(fs::metadata(&bench.service.binary)?.len());
    facts.push(("Binary", format!("{size}, release build (goal: at most 40 MiB)")));
    let version = sqlite::version();
    facts.push(("SQLite", format!("{version}, journal in WAL mode, synchronous FULL")));
    if let Some(postgres) = &bench.postgres {
        facts.push((
            "PostgreSQL",
            format!("{}; otherwise as installed", postgres.settings()?),
        ));
    }
    Ok(facts)
}

/// Writes the report, and its charts beside it.
fn write(out: &PathBuf, report: &str, sections: &[Section]) -> Result<(), Failure> {
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(out, report).map_err(|error| format!("{} can't be written: {error}", out.display()))?;
    let charts = sections.iter().flat_map(|section| &section.charts);
    for chart in charts.filter(|chart| !chart.is_empty()) {
        fs::write(out.with_file_name(chart.file_name()), chart.svg()?)?;
    }
    Ok(())
}
