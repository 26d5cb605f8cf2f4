//! What every scenario stands on: fresh books on either database, the service, the yardsticks, the rounds.

use std::time::Duration;

use tempfile::TempDir;

use super::command::Programs;
use super::options::Options;
use super::plan::{Engine, RawSlice, Yardstick};
use super::postgres::Databases;
use super::service::{Books, Service, Times};
use super::{pgbench, sqlite};
use crate::Failure;
use crate::system::say;

/// The database that a yardstick works in.
const RAW: &str = "yardstick";

/// All that scenarios share.
pub(super) struct Bench<'a> {
    pub(super) options: &'a Options,
    pub(super) programs: Programs<'a>,
    pub(super) service: Service<'a>,
    databases: Option<Databases<'a>>,
}

impl<'a> Bench<'a> {
    pub(super) fn new(options: &'a Options, service: Service<'a>, databases: Option<Databases<'a>>) -> Self {
        Self {
            options,
            programs: service.programs,
            service,
            databases,
        }
    }

    /// PostgreSQL.
    ///
    /// # Errors
    /// It was not asked for, so nobody has started it.
    pub(super) fn databases(&self) -> Result<Databases<'a>, Failure> {
        self.databases.ok_or_else(|| "PostgreSQL was not started".into())
    }

    /// Whether something is measured on this database.
    pub(super) fn on(&self, engine: Engine) -> bool {
        self.options.engines.contains(&engine)
    }

    /// The databases to measure on, where in a hurry one has to do.
    pub(super) fn engines(&self) -> &'a [Engine] {
        let all = &self.options.engines;
        if self.options.quick { &all[..1] } else { all }
    }

    /// Lets something use fresh books, which are taken away afterwards, come what may.
    pub(super) fn with_books<T>(
        &self,
        engine: Engine,
        case: impl FnOnce(&Books) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.with_books_named(engine, "service", case)
    }

    /// The same, beside other books.
    pub(super) fn with_books_named<T>(
        &self,
        engine: Engine,
        name: &str,
        case: impl FnOnce(&Books) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        match engine {
            Engine::Postgres => self.with_database(name, |databases, name| case(&databases.books(name)?)),
            Engine::Sqlite => {
                let folder = self.folder()?;
                case(&Books {
                    url: format!("sqlite:{}", folder.path().join("service.db").display()),
                    database: None,
                })
            }
        }
    }

    /// Measures raw work in a database of its own.
    pub(super) fn yardstick(&self, engine: Engine, yardstick: Yardstick, times: Times) -> Result<RawSlice, Failure> {
        match engine {
            Engine::Postgres => self.with_database(RAW, |databases, name| {
                pgbench::yardstick(databases, name, yardstick, times)
            }),
            Engine::Sqlite => {
                let folder = self.folder()?;
                let slice = sqlite::slice(yardstick, &folder.path().join("yardstick.db"), times)?;
                // It runs inside this program, which alone does not look up meanwhile.
                (self.programs.pause)(Duration::ZERO)?;
                Ok(slice)
            }
        }
    }

    /// Lets something use an empty database, which is taken away afterwards, come what may.
    pub(super) fn with_database<T>(
        &self,
        name: &str,
        case: impl FnOnce(Databases<'a>, &str) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let databases = self.databases()?;
        databases.make(name)?;
        let outcome = case(databases, name);
        let discarded = databases.discard(name);
        // What went wrong first is what is told.
        let done = outcome?;
        discarded?;
        Ok(done)
    }

    /// Tells whoever waits how a round went.
    pub(super) fn tell(&self, round: usize, what: &str) {
        say(&format!("round {round} of {}, {what}", self.options.rounds));
    }

    fn folder(&self) -> Result<TempDir, Failure> {
        Ok(tempfile::tempdir_in(self.programs.scratch)?)
    }
}
