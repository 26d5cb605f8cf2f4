//! The load generator: `wrk` with a script of ours, and what it tells.

use std::collections::BTreeMap;
use std::time::Duration;

use super::plan::{Latency, Load};
use crate::Failure;

/// Reads what the script told: lines of `name value`, among whatever else the generator prints.
pub(super) fn parse(told: &str) -> Result<Load, Failure> {
    let mut load = Load {
        statuses: statuses(told)?,
        ..Load::default()
    };
    load.took = micros(told, "duration_us")?;
    load.broken = value(told, "broken")?;
    load.latency = Latency {
        p50: micros(told, "p50_us")?,
        p90: micros(told, "p90_us")?,
        p99: micros(told, "p99_us")?,
        max: micros(told, "max_us")?,
    };
    Ok(load)
}

fn statuses(told: &str) -> Result<BTreeMap<u16, u64>, Failure> {
    let lines = told.lines().filter_map(|line| line.strip_prefix("status_"));
    lines
        .map(|line| {
            let (status, count) = line
                .split_once(' ')
                .ok_or_else(|| format!("a status without a count: {line:?}"))?;
            match (status.parse(), count.trim().parse()) {
                (Ok(status), Ok(count)) => Ok((status, count)),
                _ => Err(format!("not a status with a count: {line:?}").into()),
            }
        })
        .collect()
}

fn micros(told: &str, name: &str) -> Result<Duration, Failure> {
    value(told, name).map(Duration::from_micros)
}

fn value(told: &str, name: &str) -> Result<u64, Failure> {
    let found = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let text = found.ok_or_else(|| format!("the load generator did not tell {name}:\n{told}"))?;
    text.trim()
        .parse()
        .map_err(|_| format!("the load generator's {name} is no count: {text:?}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &str = "\
Running 6s test @ http://127.0.0.1:4000
  2 threads and 64 connections
  Requests/sec:  12000.00
duration_us 6000123
status_201 71900
status_503 100
broken 3
p50_us 4100
p90_us 8200
p99_us 15000
max_us 40000
";

    #[test]
    fn what_the_script_tells_is_read_among_other_lines() {
        let load = parse(TOLD).expect("all is told");
        assert_eq!(load.took, Duration::from_micros(6_000_123));
        assert_eq!(load.allocations(), 71_900);
        assert_eq!(load.failures(), 103);
        assert_eq!(load.latency.p50, Duration::from_micros(4_100));
        assert_eq!(load.latency.max, Duration::from_millis(40));
    }

    #[test]
    fn what_is_missing_is_named() {
        let told = parse(&TOLD.replace("p99_us", "p98_us"))
            .expect_err("the 99th percentile is missing")
            .to_string();
        assert!(told.contains("p99_us"), "{told}");
    }

    #[test]
    fn a_broken_line_is_not_taken_for_a_count() {
        assert!(parse(&TOLD.replace("status_201 71900", "status_201 many")).is_err());
        assert!(parse(&TOLD.replace("status_201 71900", "status_201")).is_err());
        assert!(parse(&TOLD.replace("broken 3", "broken -3")).is_err());
    }
}
