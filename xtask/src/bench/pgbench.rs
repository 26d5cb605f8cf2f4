//! Raw work on PostgreSQL: `pgbench` with SQL of ours, and what it tells.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::figures::{percentile, to_float};
use super::plan::{Keys, RawSlice, Work, Yardstick};
use super::postgres::Databases;
use super::service::Times;
use crate::Failure;

const SCHEMA: &str = include_str!("../../bench/sql/postgres_schema.sql");
const SET: &str = include_str!("../../bench/sql/postgres_set.sql");
const FUNCTION: &str = include_str!("../../bench/sql/postgres_function.sql");
const STATEMENTS: &str = include_str!("../../bench/sql/postgres_statements.sql");

/// Making the schema takes a second; ending a run that was told how long to take, no longer.
const LIMIT: Duration = Duration::from_secs(120);

/// What every transaction's time is written to, in the scratch folder.
const LOG: &str = "pgbench-log";

/// A run of `pgbench`.
pub(super) struct Run<'a> {
    pub(super) script: &'a str,
    pub(super) clients: u32,
    /// Variables of the script.
    pub(super) variables: &'a [(&'static str, String)],
}

/// Measures a yardstick in an empty database.
pub(super) fn yardstick(
    databases: Databases<'_>,
    database: &str,
    yardstick: Yardstick,
    times: Times,
) -> Result<RawSlice, Failure> {
    let products = ("products", yardstick.products.to_string());
    databases.script(database, SCHEMA, std::slice::from_ref(&products), LIMIT)?;
    let lines = yardstick.work.lines();
    let mut made = 0;
    let mut part = |run: u32, long| -> Result<RawSlice, Failure> {
        let variables = [
            products.clone(),
            ("turn", "0".to_owned()),
            ("run", run.to_string()),
            ("lines", lines.to_string()),
            ("random", u32::from(yardstick.keys == Keys::Random).to_string()),
        ];
        let run = Run {
            script: match yardstick.work {
                Work::Set { .. } => SET,
                Work::Function { .. } => FUNCTION,
                Work::Statements => STATEMENTS,
            },
            clients: yardstick.work.clients(),
            variables: &variables,
        };
        let mut slice = run.measure(databases, database, long)?;
        slice.done *= u64::from(lines);
        made += slice.done;
        Ok(slice)
    };
    part(1, times.warm_up)?;
    let slice = part(2, times.measured)?;
    check(databases, database, made)?;
    Ok(slice)
}

/// Every unit that was taken from a batch is somebody's, and was told.
fn check(databases: Databases<'_>, database: &str, made: u64) -> Result<(), Failure> {
    let counted = databases.sql(
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

impl Run<'_> {
    /// Runs it for so long. `done` counts transactions.
    pub(super) fn measure(
        &self,
        databases: Databases<'_>,
        database: &str,
        long: Duration,
    ) -> Result<RawSlice, Failure> {
        let scratch = databases.programs.scratch;
        let script = scratch.join("pgbench.sql");
        fs::write(&script, self.script)?;
        remove(&logs(scratch)?)?;
        let mut pgbench = databases.pgbench(&script, database);
        pgbench
            .args(["--client", &self.clients.to_string()])
            .args(["--jobs", &self.clients.min(2).to_string()])
            .args(["--time", &long.as_secs().max(1).to_string()])
            .args(["--log", "--log-prefix", LOG]);
        for (name, value) in self.variables {
            pgbench.args(["--define", &format!("{name}={value}")]);
        }
        let told = parse(&databases.programs.run("pgbench", &mut pgbench, long + LIMIT)?)?;
        let logs = logs(scratch)?;
        let mut transactions = Vec::new();
        for log in &logs {
            read_log(&fs::read_to_string(log)?, &mut transactions)?;
        }
        remove(&logs)?;
        transactions.sort_unstable();
        Ok(RawSlice {
            transaction: percentile(&transactions, 50).ok_or("pgbench logged no transaction")?,
            ..told
        })
    }
}

/// The log files in a folder, one for each of `pgbench`'s threads.
fn logs(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.strip_prefix(LOG).is_some_and(|rest| rest.starts_with('.')) {
            found.push(path);
        }
    }
    Ok(found)
}

fn remove(files: &[PathBuf]) -> Result<(), Failure> {
    files.iter().try_for_each(|file| Ok(fs::remove_file(file)?))
}

/// Adds the time of each transaction that a log tells: `client number microseconds …`.
fn read_log(log: &str, transactions: &mut Vec<Duration>) -> Result<(), Failure> {
    for line in log.lines() {
        let micros = line.split(' ').nth(2).and_then(|field| field.parse().ok());
        let micros = micros.ok_or_else(|| format!("pgbench logged a transaction without its time: {line:?}"))?;
        transactions.push(Duration::from_micros(micros));
    }
    Ok(())
}

/// Reads what `pgbench` tells at its end; the middle transaction is left at zero.
fn parse(told: &str) -> Result<RawSlice, Failure> {
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
    Ok(RawSlice {
        done: transactions,
        took: Duration::try_from_secs_f64(to_float(transactions) / rate)?,
        transaction: Duration::ZERO,
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
        assert_eq!((told.done, told.took), (1_500, Duration::from_secs(6)));
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

    #[test]
    fn the_log_tells_each_transaction_in_microseconds() {
        let mut transactions = Vec::new();
        read_log("0 1 950 0 1700000000 1\n1 1 1200 0 1700000000 7\n", &mut transactions).expect("two lines");
        assert_eq!(transactions, [Duration::from_micros(950), Duration::from_micros(1_200)]);
        assert!(read_log("0 1\n", &mut transactions).is_err());
    }
}
