//! Databases on the throwaway PostgreSQL server.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use xtask::{Failure, Server};

use crate::process::program::Programs;
use crate::stores::store::Store;

/// Creating or dropping a database, or counting the rows of a slice, takes seconds.
const LIMIT: Duration = Duration::from_secs(300);

/// The settings that say how durable and how large the server is.
const SETTINGS: [&str; 5] = [
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
];

/// The server, and how its client programs are run.
#[derive(Debug)]
pub(crate) struct Postgres {
    pub(crate) server: Server,
    pub(crate) programs: Programs,
}

impl Postgres {
    /// Lets `case` use a new, empty database, and drops the database whatever the outcome.
    pub(crate) fn with_database<T>(
        &self,
        name: &str,
        case: impl FnOnce(&Store) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        // Otherwise this slice would pay for pages that an earlier one has left to write.
        self.checkpoint()?;
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        let outcome = case(&Store {
            url: self.server.url_of(name),
            server: Some(self.server.pid()?),
        });
        let dropped = self.sql("postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        // The first failure is the one to report.
        let value = outcome?;
        dropped?;
        Ok(value)
    }

    /// Writes all changed pages to disk.
    pub(crate) fn checkpoint(&self) -> Result<(), Failure> {
        self.sql("postgres", "CHECKPOINT").map(drop)
    }

    /// The server's version and settings, each as `name value`.
    pub(crate) fn settings(&self) -> Result<String, Failure> {
        let mut settings = Vec::new();
        for name in SETTINGS {
            let value = self.sql("postgres", &format!("SHOW {name}"))?;
            settings.push(format!("{name} {}", value.trim()));
        }
        Ok(settings.join(", "))
    }

    /// Deadlocks in a database that the server has detected.
    pub(crate) fn deadlocks(&self, database: &str) -> Result<u64, Failure> {
        let sql = format!("SELECT deadlocks FROM pg_stat_database WHERE datname = '{database}'");
        Ok(self.sql("postgres", &sql)?.trim().parse()?)
    }

    /// Runs a statement; returns its rows as lines with values between bars.
    pub(crate) fn sql(&self, database: &str, sql: &str) -> Result<String, Failure> {
        let mut psql = self.psql(database);
        psql.args(["--command", sql]);
        self.programs.run("psql", &mut psql, LIMIT)
    }

    /// Runs a script with psql variables.
    pub(crate) fn script(
        &self,
        database: &str,
        script: &str,
        variables: &[(&str, String)],
        limit: Duration,
    ) -> Result<String, Failure> {
        let file = self.programs.scratch.join("script.sql");
        fs::write(&file, script)?;
        let mut psql = self.psql(database);
        for (name, value) in variables {
            psql.args(["--set", &format!("{name}={value}")]);
        }
        psql.arg("--file").arg(&file);
        self.programs.run("psql", &mut psql, limit)
    }

    /// `pgbench` with a script, on a database.
    pub(crate) fn pgbench(&self, script: &Path, database: &str) -> Command {
        let mut pgbench = self.server.client("pgbench");
        pgbench
            .args(["--no-vacuum", "--protocol", "prepared", "--file"])
            .arg(script)
            .arg(database);
        pgbench
    }

    fn psql(&self, database: &str) -> Command {
        let mut psql = self.server.client("psql");
        psql.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only"])
            .args(["--set", "ON_ERROR_STOP=1", "--dbname", database]);
        psql
    }
}
