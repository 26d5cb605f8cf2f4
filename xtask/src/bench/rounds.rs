//! The rounds: prepares what is needed, lets service and yardstick take turns, and writes the report.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::command::Programs;
use super::machine;
use super::options::Options;
use super::plan::{Engine, Round, Series, ServiceSlice, Workload, YardstickSlice};
use super::postgres::Databases;
use super::service::{Books, Service, binary};
use super::{report, sqlite};
use crate::Failure;
use crate::server::Server;
use crate::system::{Interruptions, cargo, folder_of, install, say};

/// Measures and reports. Books that were wrong make it fail, after the report.
pub(super) fn run(options: &Options, interruptions: &Interruptions) -> Result<(), Failure> {
    interruptions.step(cargo().args(["build", "--release", "--package", "earmark"]))?;
    if folder_of("wrk", &[]).is_none() {
        install("wrk", interruptions)?;
    }
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
    let bench = Bench {
        options,
        programs,
        service: Service {
            binary: &binary,
            programs,
        },
        databases: server.as_ref().map(|server| Databases { server, programs }),
    };
    let mut facts = machine::facts(Path::new(env!("CARGO_MANIFEST_DIR")), scratch.path());
    facts.push((
        "Binary",
        format!("{:.1} MiB, release build", megabytes(fs::metadata(&binary)?.len())),
    ));
    facts.push((
        "SQLite",
        format!("{}, journal in WAL mode, synchronous FULL", sqlite::version()),
    ));
    if let Some(databases) = &bench.databases {
        facts.push((
            "PostgreSQL",
            format!("{}; otherwise as installed", databases.settings()?),
        ));
    }

    let series = bench.rounds()?;
    let text = report::markdown(options, &facts, &series);
    say(&format!("\n{text}"));
    if let Some(folder) = out.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&out, text).map_err(|why| format!("{} can't be written: {why}", out.display()))?;
    say(&format!("\nWritten to {}", out.display()));
    match report::wrong(&series).as_slice() {
        [] => Ok(()),
        wrong => Err(format!("the books were wrong in {} slices", wrong.len()).into()),
    }
}

/// Where the results go unless somebody says otherwise: `bench/results.md` in the target folder.
fn beside(binary: &Path) -> Result<PathBuf, Failure> {
    let target = binary.ancestors().nth(2).ok_or("the binary lies in no target folder")?;
    Ok(target.join("bench").join("results.md"))
}

fn megabytes(bytes: u64) -> f64 {
    super::figures::to_float(bytes) / f64::from(1 << 20)
}

struct Bench<'a> {
    options: &'a Options,
    programs: Programs<'a>,
    service: Service<'a>,
    databases: Option<Databases<'a>>,
}

impl Bench<'_> {
    fn rounds(&self) -> Result<Vec<Series>, Failure> {
        let mut series: Vec<Series> = Vec::new();
        for &engine in &self.options.engines {
            for workload in Workload::ALL {
                series.push(Series {
                    engine,
                    workload,
                    rounds: Vec::new(),
                });
            }
        }
        for number in 1..=self.options.rounds {
            for one in &mut series {
                let round = Round {
                    service: self.service_slice(one)?,
                    yardstick: self.yardstick_slice(one)?,
                };
                say(&format!(
                    "round {number}, {}, {}: {:.0}/s, yardstick {:.0}/s, ratio {:.2}",
                    one.engine.name(),
                    one.workload.name,
                    round.service.per_second(),
                    round.yardstick.per_second(),
                    round.ratio(),
                ));
                one.rounds.push(round);
            }
        }
        Ok(series)
    }

    fn service_slice(&self, one: &Series) -> Result<ServiceSlice, Failure> {
        let measure = |books: &Books| {
            let Options { warm_up, slice, .. } = *self.options;
            self.service.slice(one.workload, books, warm_up, slice)
        };
        match &self.databases {
            Some(databases) if one.engine == Engine::Postgres => {
                let name = "service";
                databases.make(name)?;
                let slice = measure(&databases.books(name)?)?;
                databases.discard(name)?;
                Ok(slice)
            }
            _ => {
                let folder = self.folder()?;
                let file = folder.path().join("service.db");
                measure(&Books {
                    url: format!("sqlite:{}", file.display()),
                    database: None,
                })
            }
        }
    }

    fn yardstick_slice(&self, one: &Series) -> Result<YardstickSlice, Failure> {
        let Options { warm_up, slice, .. } = *self.options;
        match &self.databases {
            Some(databases) if one.engine == Engine::Postgres => {
                let name = "yardstick";
                databases.make(name)?;
                let slice = databases.slice(one.workload, name, warm_up, slice)?;
                databases.discard(name)?;
                Ok(slice)
            }
            _ => {
                let folder = self.folder()?;
                let slice = sqlite::slice(one.workload, &folder.path().join("yardstick.db"), warm_up, slice)?;
                // The yardstick runs inside this program, which alone does not look up meanwhile.
                (self.programs.pause)(Duration::ZERO)?;
                Ok(slice)
            }
        }
    }

    fn folder(&self) -> Result<TempDir, Failure> {
        Ok(tempfile::tempdir_in(self.programs.scratch)?)
    }
}
