//! `pgbench`: runs a script of SQL as a load of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use xtask::Failure;

use crate::measure::results::RawSlice;
use crate::measure::stats::{percentile, to_float};
use crate::stores::postgres::Postgres;

/// How much longer than requested `pgbench` may run.
const GRACE: Duration = Duration::from_secs(120);

/// The prefix of the files in the scratch folder to which `pgbench` logs the time of each transaction.
const LOG: &str = "pgbench-log";

/// A script with its clients and variables.
#[derive(Debug)]
pub(crate) struct Pgbench<'a> {
    pub(crate) script: &'a str,
    pub(crate) clients: u32,
    pub(crate) variables: &'a [(&'static str, String)],
}

impl Pgbench<'_> {
    /// Runs the script for a time. The slice counts transactions.
    pub(crate) fn measure(&self, postgres: &Postgres, database: &str, duration: Duration) -> Result<RawSlice, Failure> {
        let scratch = &postgres.programs.scratch;
        let script = scratch.join("pgbench.sql");
        fs::write(&script, self.script)?;
        remove(&logs(scratch)?)?;
        let mut pgbench = postgres.pgbench(&script, database);
        pgbench
            .args(["--client", &self.clients.to_string()])
            .args(["--jobs", &self.clients.min(2).to_string()])
            .args(["--time", &duration.as_secs().max(1).to_string()])
            .args(["--log", "--log-prefix", LOG]);
        for (name, value) in self.variables {
            pgbench.args(["--define", &format!("{name}={value}")]);
        }
        let slice = parse(&postgres.programs.run("pgbench", &mut pgbench, duration + GRACE)?)?;
        let logs = logs(scratch)?;
        let mut transactions = Vec::new();
        for log in &logs {
            read_log(&fs::read_to_string(log)?, &mut transactions)?;
        }
        remove(&logs)?;
        transactions.sort_unstable();
        Ok(RawSlice {
            transaction: percentile(&transactions, 50).ok_or("pgbench logged no transaction")?,
            ..slice
        })
    }
}

/// The log files in a folder, one per thread of `pgbench`.
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

/// Appends the time of each transaction in a log, whose lines are `client number microseconds …`.
fn read_log(log: &str, transactions: &mut Vec<Duration>) -> Result<(), Failure> {
    for line in log.lines() {
        let micros = line.split(' ').nth(2).and_then(|field| field.parse().ok());
        let micros = micros.ok_or_else(|| format!("pgbench logged a transaction without its time: {line:?}"))?;
        transactions.push(Duration::from_micros(micros));
    }
    Ok(())
}

/// Reads the summary that `pgbench` prints; the median transaction is zero.
fn parse(printed: &str) -> Result<RawSlice, Failure> {
    let first_word = |name: &str| -> Result<&str, Failure> {
        let line = printed.lines().find_map(|line| line.strip_prefix(name));
        let word = line.and_then(|line| line.split_whitespace().next());
        word.ok_or_else(|| format!("pgbench did not print {name:?}:\n{printed}").into())
    };
    let transactions: u64 = first_word("number of transactions actually processed:")?.parse()?;
    let failed: u64 = first_word("number of failed transactions:")?.parse()?;
    if failed > 0 || transactions == 0 {
        return Err(format!("pgbench: {failed} transactions failed, {transactions} succeeded").into());
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

    const PRINTED: &str = "\
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
    fn the_summary_is_read() {
        let slice = parse(PRINTED).expect("complete");
        assert_eq!((slice.done, slice.took), (1_500, Duration::from_secs(6)));
    }

    #[test]
    fn failed_transactions_are_an_error() {
        assert!(parse(&PRINTED.replace("failed transactions: 0", "failed transactions: 2")).is_err());
    }

    #[test]
    fn the_error_names_a_missing_line() {
        let error = parse(&PRINTED.replace("tps", "speed")).expect_err("the rate is missing");
        assert!(error.to_string().contains("tps"), "{error}");
    }

    #[test]
    fn the_log_has_a_line_per_transaction() {
        let mut transactions = Vec::new();
        read_log("0 1 950 0 1700000000 1\n1 1 1200 0 1700000000 7\n", &mut transactions).expect("two lines");
        assert_eq!(transactions, [Duration::from_micros(950), Duration::from_micros(1_200)]);
        assert!(read_log("0 1\n", &mut transactions).is_err());
    }
}
