//! What all scenarios use: new stores, the service, the yardsticks.

use std::time::Duration;

use tempfile::TempDir;
use xtask::{Failure, say};

use crate::load::wrk::Workload;
use crate::measure::results::{RawSlice, ServiceSlice};
use crate::options::Options;
use crate::process::program::Programs;
use crate::service::running::Service;
use crate::stores::postgres::Postgres;
use crate::stores::store::{Engine, Store};
use crate::yardsticks::yardstick::Yardstick;
use crate::yardsticks::{postgres, sqlite};

/// The context of a scenario.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) programs: Programs,
    pub(crate) service: Service,
    /// `None` if only SQLite is measured.
    pub(crate) postgres: Option<Postgres>,
}

impl Bench {
    /// The PostgreSQL server.
    ///
    /// # Errors
    /// Only SQLite is measured.
    pub(crate) fn postgres(&self) -> Result<&Postgres, Failure> {
        self.postgres.as_ref().ok_or_else(|| "PostgreSQL is not running".into())
    }

    /// Whether this database is measured.
    pub(crate) fn measures(&self, engine: Engine) -> bool {
        self.options.engines().contains(&engine)
    }

    /// The databases to measure on; a quick run measures most scenarios on one.
    pub(crate) fn engines(&self) -> &'static [Engine] {
        let all = self.options.engines();
        if self.options.quick { &all[..1] } else { all }
    }

    /// Lets `case` use a new store, and removes the store whatever the outcome.
    pub(crate) fn with_store<T>(
        &self,
        engine: Engine,
        case: impl FnOnce(&Store) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.with_named_store(engine, "service", case)
    }

    /// As [`with_store`](Self::with_store), for stores that exist at the same time.
    pub(crate) fn with_named_store<T>(
        &self,
        engine: Engine,
        name: &str,
        case: impl FnOnce(&Store) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match engine {
            Engine::Postgres => self.postgres()?.with_database(name, case),
            Engine::Sqlite => {
                let folder = self.folder()?;
                case(&Store::sqlite(&folder.path().join("service.db")))
            }
        }
    }

    /// Measures a slice of the service on a stocked store, and audits the store.
    pub(crate) fn slice(&self, workload: &Workload, store: &Store) -> Result<ServiceSlice, Failure> {
        let mut running = self.service.start("serve", store)?;
        let (slice, created) = running.measure(workload, store, "", self.options.timing())?;
        running.stop()?;
        let lines = workload.lines_per_request();
        let in_flight = 2 * workload.connections * lines;
        Ok(ServiceSlice {
            problem: self.service.audit(store, created * u64::from(lines), in_flight)?,
            ..slice
        })
    }

    /// Measures a slice of a yardstick in a new database.
    pub(crate) fn yardstick(&self, engine: Engine, yardstick: Yardstick) -> Result<RawSlice, Failure> {
        let timing = self.options.timing();
        match engine {
            Engine::Postgres => {
                let server = self.postgres()?;
                server.with_database("yardstick", |store| {
                    postgres::measure(server, store.database(), yardstick, timing)
                })
            }
            Engine::Sqlite => {
                let folder = self.folder()?;
                let slice = sqlite::measure(yardstick, &folder.path().join("yardstick.db"), timing)?;
                // It runs in this process, and does not look for interruptions itself.
                self.programs.pause(Duration::ZERO)?;
                Ok(slice)
            }
        }
    }

    /// Prints the outcome of a round.
    pub(crate) fn progress(&self, round: usize, outcome: &str) {
        say(&format!("round {round} of {}, {outcome}", self.options.rounds()));
    }

    fn folder(&self) -> Result<TempDir, Failure> {
        Ok(tempfile::tempdir_in(&self.programs.scratch)?)
    }
}
