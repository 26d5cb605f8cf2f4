//! The load generator: `wrk` with scripts of ours, and what it tells.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use super::command::{Programs, Running};
use super::plan::{Keys, Latency, Load};
use crate::Failure;

const COMMON: &str = include_str!("../../bench/load/common.lua");

/// How much longer than it was asked the load generator may take to end.
const GRACE: Duration = Duration::from_secs(30);

/// Threads of the load generator: one alone is never the bottleneck here, and takes less from what is measured.
const THREADS: &str = "1";

/// What is asked of the service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Asked {
    /// `POST /v1/allocations`.
    Allocations {
        /// Units a line.
        quantity: u32,
    },
    /// `POST /v1/orders`.
    Orders {
        /// Lines an order.
        lines: u32,
    },
    /// `GET /v1/orders/{id}`, of the orders that a load with this name has left.
    ReadOrders {
        /// That load.
        of: &'static str,
        /// How many of its orders to choose from, from the first.
        orders: u64,
    },
    /// `GET /v1/products/{sku}`.
    ReadProducts,
}

/// How products are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skew {
    /// Each as likely as any other.
    None,
    /// By Zipf's law: the second half as often as the first, the third a third as often.
    Zipf,
}

/// A load: so many connections that each have one request under way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ask {
    pub(super) asked: Asked,
    pub(super) products: u32,
    pub(super) skew: Skew,
    pub(super) keys: Keys,
    pub(super) connections: u32,
    /// How long each connection waits before it asks anew, in the mean.
    pub(super) pause: Option<Duration>,
}

impl Ask {
    /// Allocations of one unit, spread evenly, order ids rising.
    pub(super) const fn allocations(products: u32, connections: u32) -> Self {
        Self {
            asked: Asked::Allocations { quantity: 1 },
            products,
            skew: Skew::None,
            keys: Keys::Rising,
            connections,
            pause: None,
        }
    }

    /// Lines that one request asks for.
    pub(super) const fn lines(&self) -> u32 {
        match self.asked {
            Asked::Orders { lines } => lines,
            Asked::Allocations { .. } | Asked::ReadOrders { .. } | Asked::ReadProducts => 1,
        }
    }

    /// Puts the load on a service and waits for its end.
    pub(super) fn run(
        &self,
        programs: Programs<'_>,
        address: &str,
        run: &str,
        long: Duration,
    ) -> Result<Load, Failure> {
        self.start(programs, address, run, long)?.finish()
    }

    /// Begins to put the load on a service. `run` is the load's name, which makes its order ids unlike any other's.
    pub(super) fn start<'a>(
        &self,
        programs: Programs<'a>,
        address: &str,
        run: &str,
        long: Duration,
    ) -> Result<Loading<'a>, Failure> {
        let name = format!("load-{run}");
        let script = programs.scratch.join(format!("{name}.lua"));
        fs::write(&script, format!("{COMMON}\n{}", self.script()))?;
        // The generator takes whole seconds only.
        let seconds = long.as_secs().max(1).to_string();
        let mut wrk = Command::new("wrk");
        wrk.args(["--threads", THREADS, "--connections", &self.connections.to_string()])
            .args(["--duration", &seconds, "--script"])
            .arg(&script)
            .args([&format!("http://{address}"), "--"])
            .args(self.arguments(run));
        Ok(Loading {
            running: programs.start(&name, &mut wrk)?,
            limit: long + GRACE,
        })
    }

    const fn script(&self) -> &'static str {
        match self.asked {
            Asked::Allocations { .. } => include_str!("../../bench/load/allocations.lua"),
            Asked::Orders { .. } => include_str!("../../bench/load/orders.lua"),
            Asked::ReadOrders { .. } | Asked::ReadProducts => include_str!("../../bench/load/reads.lua"),
        }
    }

    fn arguments(&self, run: &str) -> Vec<String> {
        let skew = match self.skew {
            Skew::None => "none",
            Skew::Zipf => "zipf",
        };
        // The generator seeds itself by the clock's seconds; runs within one must differ too.
        let seed: u32 = run.bytes().map(u32::from).sum();
        let mut arguments = vec![
            format!("run={run}"),
            format!("seed={seed}"),
            format!("products={}", self.products),
            format!("keys={}", self.keys.word()),
            format!("skew={skew}"),
        ];
        if let Some(pause) = self.pause {
            arguments.push(format!("pause={}", pause.as_millis().max(1)));
        }
        match self.asked {
            Asked::Allocations { quantity } => arguments.push(format!("quantity={quantity}")),
            Asked::Orders { lines } => arguments.push(format!("lines={lines}")),
            Asked::ReadOrders { of, orders } => {
                arguments.extend(["what=orders".to_owned(), format!("of={of}"), format!("orders={orders}")]);
            }
            Asked::ReadProducts => arguments.push("what=products".to_owned()),
        }
        arguments
    }
}

/// A load that is being put on a service.
pub(super) struct Loading<'a> {
    running: Running<'a>,
    limit: Duration,
}

impl Loading<'_> {
    /// Waits for its end.
    pub(super) fn finish(mut self) -> Result<Load, Failure> {
        let status = self.running.wait(self.limit)?;
        if !status.success() {
            return Err(format!("wrk ended with {status}{}", self.running.last_words()).into());
        }
        parse(&self.running.printed()?)
    }
}

/// Reads what the script told: lines of `name value`, among whatever else the generator prints.
fn parse(told: &str) -> Result<Load, Failure> {
    Ok(Load {
        took: micros(told, "duration_us")?,
        statuses: statuses(told)?,
        broken: value(told, "broken")?,
        retry_after: value(told, "retry_after")?,
        latency: Latency {
            p50: micros(told, "p50_us")?,
            p90: micros(told, "p90_us")?,
            p99: micros(told, "p99_us")?,
            max: micros(told, "max_us")?,
        },
    })
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
retry_after 90
p50_us 4100
p90_us 8200
p99_us 15000
max_us 40000
";

    #[test]
    fn what_the_script_tells_is_read_among_other_lines() {
        let load = parse(TOLD).expect("all is told");
        assert_eq!(load.took, Duration::from_micros(6_000_123));
        assert_eq!(load.created(), 71_900);
        assert_eq!(load.failures(201), 103);
        assert_eq!(load.retry_after, 90);
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
