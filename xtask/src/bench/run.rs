//! A whole run: prepares what is needed, goes through the scenarios, and writes the report.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::command::Programs;
use super::ground::Bench;
use super::options::{Options, Scenario};
use super::plan::Engine;
use super::postgres::Databases;
use super::report::{self, Section};
use super::service::{Service, binary};
use super::table::mebibytes;
use super::{
    allocations, curves, growth, holds, instances, machine, orders, overload, reads, slow_disk, sqlite, streams,
};
use crate::Failure;
use crate::server::Server;
use crate::system::{Interruptions, cargo, folder_of, install, say};

/// Measures and reports. Books that were wrong make it fail, after the report.
pub(super) fn run(options: &Options, interruptions: &Interruptions) -> Result<(), Failure> {
    interruptions.step(cargo().args(["build", "--release", "--package", "earmark"]))?;
    if folder_of("wrk", &[]).is_none() {
        install("wrk", interruptions)?;
    }
    let begun = Instant::now();
    let binary = binary()?;
    let out = options.out.clone().map_or_else(|| beside(&binary), Ok)?;
    let scratch = tempfile::Builder::new().prefix("earmark-bench-").tempdir()?;
    let server = if options.engines.contains(&Engine::Postgres) {
        Some(Server::start(interruptions)?)
    } else {
        None
    };
    let pause = |long| interruptions.pause(long);
    let programs = Programs {
        scratch: scratch.path(),
        pause: &pause,
    };
    let service = Service {
        binary: &binary,
        programs,
    };
    let databases = server.as_ref().map(|server| Databases { server, programs });
    let bench = Bench::new(options, service, databases);

    let mut facts = machine::facts(Path::new(env!("CARGO_MANIFEST_DIR")), scratch.path());
    let size = fs::metadata(&binary)?.len();
    facts.push((
        "Binary",
        format!("{}, release build (to be at most 40 MiB)", mebibytes(size)),
    ));
    facts.push((
        "SQLite",
        format!("{}, journal in WAL mode, synchronous FULL", sqlite::version()),
    ));
    if let Some(databases) = databases {
        facts.push((
            "PostgreSQL",
            format!("{}; otherwise as installed", databases.settings()?),
        ));
    }
    let mut sections = Vec::new();
    for scenario in &options.scenarios {
        say(&format!("\n# {}", scenario.word()));
        sections.extend(measure(&bench, *scenario)?);
    }
    let seconds = begun.elapsed().as_secs();
    facts.push(("Took", format!("{} min {} s", seconds / 60, seconds % 60)));

    let text = report::markdown(options, &facts, &sections);
    say(&format!("\n{text}"));
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&out, text).map_err(|why| format!("{} can't be written: {why}", out.display()))?;
    for chart in sections
        .iter()
        .flat_map(|section| &section.charts)
        .filter(|chart| !chart.is_empty())
    {
        fs::write(out.with_file_name(chart.file()), chart.svg())?;
    }
    say(&format!("\nWritten to {}, its charts beside it", out.display()));
    match sections.iter().map(|section| section.wrong.len()).sum() {
        0_usize => Ok(()),
        wrong => Err(format!("{wrong} things were wrong: see the report").into()),
    }
}

/// What came of it; nothing where it has none to tell on the databases asked for.
fn measure(bench: &Bench<'_>, scenario: Scenario) -> Result<Option<Section>, Failure> {
    match scenario {
        Scenario::Allocations => allocations::run(bench).map(Some),
        Scenario::SlowDisk => slow_disk::run(bench),
        Scenario::Streams => streams::run(bench).map(Some),
        Scenario::Orders => orders::run(bench).map(Some),
        Scenario::Instances => instances::run(bench),
        Scenario::Reads => reads::run(bench).map(Some),
        Scenario::Overload => overload::run(bench).map(Some),
        Scenario::Curves => curves::run(bench).map(Some),
        Scenario::Growth => growth::run(bench).map(Some),
        Scenario::Holds => holds::run(bench).map(Some),
    }
}

/// Where the results go unless somebody says otherwise: `bench/results.md` in the target folder.
fn beside(binary: &Path) -> Result<PathBuf, Failure> {
    let target = binary.ancestors().nth(2).ok_or("the binary lies in no target folder")?;
    Ok(target.join("bench").join("results.md"))
}
