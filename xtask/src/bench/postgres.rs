//! The yardstick on PostgreSQL: `pgbench` with SQL of ours, as many allocations a transaction as asked; and the fresh
//! databases that slices run on.

use std::fs;
use std::time::Duration;

use super::command::Programs;
use super::plan::{Workload, YardstickSlice};
use super::service::Books;
use crate::Failure;
use crate::server::Server;

const SCHEMA: &str = include_str!("../../bench/postgres_schema.sql");
const TRANSACTION: &str = include_str!("../../bench/postgres_allocate.sql");

/// Making or dropping a database, or counting what a slice has written, takes seconds.
const LIMIT: Duration = Duration::from_secs(120);

/// What of the server's settings says how durable and how large it is.
const SETTINGS: [&str; 5] = [
    "server_version",
    "fsync",
    "synchronous_commit",
    "full_page_writes",
    "shared_buffers",
];

/// The throwaway server, and how its clients are run.
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
        self.sql("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"))
            .map(drop)
    }

    /// The server's version and settings, each as `name value`.
    pub(super) fn settings(&self) -> Result<String, Failure> {
        let mut told = Vec::new();
        for setting in SETTINGS {
            told.push(format!(
                "{setting} {}",
                self.sql("postgres", &format!("SHOW {setting}"))?.trim()
            ));
        }
        Ok(told.join(", "))
    }

    /// Measures a slice in an empty database.
    pub(super) fn slice(
        &self,
        workload: Workload,
        database: &str,
        warm_up: Duration,
        measured: Duration,
    ) -> Result<YardstickSlice, Failure> {
        let scratch = self.programs.scratch;
        let schema = scratch.join("schema.sql");
        fs::write(&schema, SCHEMA)?;
        fs::write(scratch.join("allocate.sql"), TRANSACTION)?;
        let mut psql = self.server.client("psql");
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--set",
            "ON_ERROR_STOP=1",
            "--dbname",
            database,
        ])
        .args(["--set", &format!("products={}", workload.products), "--file"])
        .arg(&schema);
        self.programs.run("psql", &mut psql, LIMIT)?;

        let warmed_up = self.pgbench(workload, database, 1, warm_up)?;
        let told = self.pgbench(workload, database, 2, measured)?;
        let lines = u64::from(workload.lines);
        self.check(database, (warmed_up.transactions + told.transactions) * lines)?;
        Ok(YardstickSlice {
            allocations: told.transactions * lines,
            took: told.took,
            transaction: told.mean,
        })
    }

    fn pgbench(&self, workload: Workload, database: &str, part: u32, long: Duration) -> Result<Told, Failure> {
        let writers = workload.writers.to_string();
        let mut pgbench = self.server.client("pgbench");
        pgbench
            .args([
                "--no-vacuum",
                "--protocol",
                "prepared",
                "--client",
                &writers,
                "--jobs",
                &writers,
            ])
            .args(["--time", &long.as_secs().max(1).to_string()])
            .args(["--define", "turn=0", "--define", &format!("run={part}")])
            .args(["--define", &format!("products={}", workload.products)])
            .args(["--define", &format!("lines={}", workload.lines), "--file"])
            .arg(self.programs.scratch.join("allocate.sql"))
            .arg(database);
        parse(&self.programs.run("pgbench", &mut pgbench, long + LIMIT)?)
    }

    /// Every unit that was taken from a batch is somebody's, and was told.
    fn check(&self, database: &str, made: u64) -> Result<(), Failure> {
        let counted = self.sql(
            database,
            "SELECT (SELECT count(*) FROM allocations), (SELECT sum(allocated) FROM batches), \
             (SELECT count(*) FROM outbox)",
        )?;
        if counted.trim() == format!("{made}|{made}|{made}") {
            return Ok(());
        }
        let counted = counted.trim();
        Err(format!("the yardstick on PostgreSQL made {made} allocations, and stored|took|told {counted}").into())
    }

    fn sql(&self, database: &str, sql: &str) -> Result<String, Failure> {
        let mut psql = self.server.client("psql");
        psql.args([
            "--no-psqlrc",
            "--quiet",
            "--no-align",
            "--tuples-only",
            "--set",
            "ON_ERROR_STOP=1",
        ])
        .args(["--dbname", database, "--command", sql]);
        self.programs.run("psql", &mut psql, LIMIT)
    }
}

/// What `pgbench` told.
#[derive(Debug, PartialEq)]
struct Told {
    transactions: u64,
    took: Duration,
    /// How long a transaction took in the mean.
    mean: Duration,
}

fn parse(told: &str) -> Result<Told, Failure> {
    let first_word = |name: &str| -> Result<&str, Failure> {
        let line = told.lines().find_map(|line| line.strip_prefix(name));
        let word = line.and_then(|line| line.split_whitespace().next());
        word.ok_or_else(|| format!("pgbench did not tell {name:?}:\n{told}").into())
    };
    let transactions: u64 = first_word("number of transactions actually processed:")?.parse()?;
    let failed: u64 = first_word("number of failed transactions:")?.parse()?;
    if failed > 0 || transactions == 0 {
        return Err(format!("{failed} transactions of the yardstick failed, {transactions} did not").into());
    }
    let rate: f64 = first_word("tps =")?.parse()?;
    let mean: f64 = first_word("latency average =")?.parse()?;
    Ok(Told {
        transactions,
        took: Duration::try_from_secs_f64(super::figures::to_float(transactions) / rate)?,
        mean: Duration::try_from_secs_f64(mean / 1e3)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "\
transaction type: allocate.sql
number of clients: 2
duration: 6 s
number of transactions actually processed: 1500
number of failed transactions: 0 (0.000%)
latency average = 8.000 ms
initial connection time = 3.100 ms
tps = 250.000000 (without initial connection time)
";

    #[test]
    fn transactions_and_the_time_they_took_are_read() {
        let told = parse(TOLD).expect("all is told");
        let expected = Told {
            transactions: 1_500,
            took: Duration::from_secs(6),
            mean: Duration::from_millis(8),
        };
        assert_eq!(told, expected);
    }

    #[test]
    fn failed_transactions_are_no_yardstick() {
        let told = TOLD.replace("failed transactions: 0", "failed transactions: 2");
        assert!(parse(&told).is_err());
    }

    #[test]
    fn what_is_missing_is_named() {
        let told = parse(&TOLD.replace("tps", "speed")).expect_err("the rate is missing");
        assert!(told.to_string().contains("tps"), "{told}");
    }
}
