//! Fresh databases on the throwaway PostgreSQL.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::command::Programs;
use super::service::Books;
use crate::Failure;
use crate::server::Server;

/// Making or dropping a database, or counting what a slice has written, takes seconds.
const LIMIT: Duration = Duration::from_secs(300);

/// What of the server's settings says how durable and how large it is.
const SETTINGS: [&str; 5] = [
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
];

/// The throwaway server, and how its clients are run.
#[derive(Clone, Copy)]
pub(super) struct Databases<'a> {
    pub(super) server: &'a Server,
    pub(super) programs: Programs<'a>,
}

impl Databases<'_> {
    /// Makes an empty database. What the slice before has left to be written is written first, so that nobody pays for
    /// another's work.
    pub(super) fn make(&self, name: &str) -> Result<(), Failure> {
        self.sql("postgres", "CHECKPOINT")?;
        self.sql("postgres", &format!("CREATE DATABASE {name}")).map(drop)
    }

    /// A database as the service's books.
    pub(super) fn books(&self, name: &str) -> Result<Books, Failure> {
        Ok(Books {
            url: self.server.url_of(name),
            database: Some(self.server.pid()?),
        })
    }

    /// Takes a database away.
    pub(super) fn discard(&self, name: &str) -> Result<(), Failure> {
        self.sql("postgres", &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            .map(drop)
    }

    /// The server's version and settings, each as `name value`.
    pub(super) fn settings(&self) -> Result<String, Failure> {
        let mut told = Vec::new();
        for setting in SETTINGS {
            let value = self.sql("postgres", &format!("SHOW {setting}"))?;
            told.push(format!("{setting} {}", value.trim()));
        }
        Ok(told.join(", "))
    }

    /// How many deadlocks the server had to break up in a database.
    pub(super) fn deadlocks(&self, database: &str) -> Result<u64, Failure> {
        let sql = format!("SELECT deadlocks FROM pg_stat_database WHERE datname = '{database}'");
        Ok(self.sql("postgres", &sql)?.trim().parse()?)
    }

    /// Runs SQL in a database; what it answers comes as lines of values between bars.
    pub(super) fn sql(&self, database: &str, sql: &str) -> Result<String, Failure> {
        let mut psql = self.psql(database);
        psql.args(["--command", sql]);
        self.programs.run("psql", &mut psql, LIMIT)
    }

    /// Runs a script of SQL in a database, with variables set.
    pub(super) fn script(
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

    /// `pgbench` with a script of SQL, on a database.
    pub(super) fn pgbench(&self, script: &Path, database: &str) -> Command {
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
