//! Closed-loop load: `wrk` with Lua scripts. Each connection waits for a response before it sends the next request.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::time::Duration;

use xtask::Failure;

use crate::measure::results::{Latency, LoadResult};
use crate::process::program::{Programs, Running};

const COMMON: &str = include_str!("../../load/common.lua");

/// How much longer than requested `wrk` may run.
const GRACE: Duration = Duration::from_secs(30);

/// One thread is never the bottleneck here, and takes the least CPU time from the service.
const THREADS: &str = "1";

/// What is requested.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Request {
    /// `POST /v1/allocations`.
    Allocation {
        /// Units per line.
        quantity: u32,
    },
    /// `POST /v1/orders`.
    Order {
        /// Lines per order.
        lines: u32,
    },
    /// `GET /v1/orders/{id}`, of the orders of an earlier load.
    ReadOrder {
        /// That load's name.
        of: &'static str,
        /// The range of order numbers.
        orders: u64,
    },
    /// `GET /v1/products/{sku}`.
    ReadProduct,
}

/// How products are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skew {
    Uniform,
    /// Zipf's law with s = 1: the n-th product gets 1/n of the requests of the first.
    Zipf,
}

/// The sequence of order ids. A database keeps them sorted: rising ids land on a few pages next to each other, random
/// ids on many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OrderIds {
    /// As a counter, or as time-ordered UUIDs.
    Rising,
    /// As random UUIDs.
    Random,
}

/// How a caller gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The service is open.
    Anybody,
    /// By this key.
    Holder(String),
    /// The service is open, and encrypted.
    Encrypted,
}

impl Caller {
    const fn scheme(&self) -> &'static str {
        match self {
            Self::Anybody | Self::Holder(_) => "http",
            Self::Encrypted => "https",
        }
    }
}

/// A closed-loop workload.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Workload {
    pub(crate) request: Request,
    pub(crate) products: u32,
    pub(crate) skew: Skew,
    pub(crate) order_ids: OrderIds,
    pub(crate) connections: u32,
    /// The mean pause between a response and the next request of a connection.
    pub(crate) think_time: Option<Duration>,
}

impl Workload {
    /// Allocations of one unit, uniform over the products, with rising order ids.
    pub(crate) const fn allocations(products: u32, connections: u32) -> Self {
        Self {
            request: Request::Allocation { quantity: 1 },
            products,
            skew: Skew::Uniform,
            order_ids: OrderIds::Rising,
            connections,
            think_time: None,
        }
    }

    /// Order lines per request.
    pub(crate) const fn lines_per_request(&self) -> u32 {
        match self.request {
            Request::Order { lines } => lines,
            Request::Allocation { .. } | Request::ReadOrder { .. } | Request::ReadProduct => 1,
        }
    }

    /// Runs the load to its end.
    pub(crate) fn run(
        &self,
        programs: &Programs,
        address: &str,
        name: &str,
        duration: Duration,
    ) -> Result<LoadResult, Failure> {
        self.start(programs, address, name, duration)?.finish()
    }

    /// The same as a caller who has to get in.
    pub(crate) fn run_as(
        &self,
        caller: &Caller,
        programs: &Programs,
        address: &str,
        name: &str,
        duration: Duration,
    ) -> Result<LoadResult, Failure> {
        self.start_as(caller, programs, address, name, duration)?.finish()
    }

    /// Starts the load. Order ids contain its name, which makes them unique.
    pub(crate) fn start(
        &self,
        programs: &Programs,
        address: &str,
        name: &str,
        duration: Duration,
    ) -> Result<RunningLoad, Failure> {
        self.start_as(&Caller::Anybody, programs, address, name, duration)
    }

    fn start_as(
        &self,
        caller: &Caller,
        programs: &Programs,
        address: &str,
        name: &str,
        duration: Duration,
    ) -> Result<RunningLoad, Failure> {
        let process = format!("load-{name}");
        let script = programs.scratch.join(format!("{process}.lua"));
        fs::write(&script, format!("{COMMON}\n{}", self.script()))?;
        // `wrk` accepts whole seconds only.
        let seconds = duration.as_secs().max(1).to_string();
        let mut wrk = Command::new("wrk");
        wrk.args(["--threads", THREADS, "--connections", &self.connections.to_string()])
            .args(["--duration", &seconds, "--script"])
            .arg(&script)
            .args([&format!("{}://{address}", caller.scheme()), "--"])
            .args(self.arguments(name));
        if let Caller::Holder(key) = caller {
            wrk.arg(format!("key={key}"));
        }
        Ok(RunningLoad {
            process: programs.start(&process, &mut wrk)?,
            limit: duration + GRACE,
        })
    }

    const fn script(&self) -> &'static str {
        match self.request {
            Request::Allocation { .. } => include_str!("../../load/allocations.lua"),
            Request::Order { .. } => include_str!("../../load/orders.lua"),
            Request::ReadOrder { .. } | Request::ReadProduct => include_str!("../../load/reads.lua"),
        }
    }

    fn arguments(&self, name: &str) -> Vec<String> {
        let skew = match self.skew {
            Skew::Uniform => "uniform",
            Skew::Zipf => "zipf",
        };
        let order_ids = match self.order_ids {
            OrderIds::Rising => "rising",
            OrderIds::Random => "random",
        };
        // The script adds the clock's seconds; loads of the same second must differ too.
        let seed: u32 = name.bytes().map(u32::from).sum();
        let mut arguments = vec![
            format!("run={name}"),
            format!("seed={seed}"),
            format!("products={}", self.products),
            format!("keys={order_ids}"),
            format!("skew={skew}"),
        ];
        if let Some(pause) = self.think_time {
            arguments.push(format!("pause={}", pause.as_millis().max(1)));
        }
        match self.request {
            Request::Allocation { quantity } => arguments.push(format!("quantity={quantity}")),
            Request::Order { lines } => arguments.push(format!("lines={lines}")),
            Request::ReadOrder { of, orders } => {
                arguments.extend(["what=orders".to_owned(), format!("of={of}"), format!("orders={orders}")]);
            }
            Request::ReadProduct => arguments.push("what=products".to_owned()),
        }
        arguments
    }
}

/// A load that runs in the background.
#[derive(Debug)]
pub(crate) struct RunningLoad {
    process: Running,
    limit: Duration,
}

impl RunningLoad {
    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Result<LoadResult, Failure> {
        self.process.succeed(self.limit)?;
        parse(&self.process.printed()?)
    }
}

/// Reads what the script prints: lines of `name value`, after the output of `wrk` itself.
fn parse(printed: &str) -> Result<LoadResult, Failure> {
    Ok(LoadResult {
        took: micros(printed, "duration_us")?,
        statuses: statuses(printed)?,
        broken: value(printed, "broken")?,
        retry_after: value(printed, "retry_after")?,
        latency: Latency {
            p50: micros(printed, "p50_us")?,
            p90: micros(printed, "p90_us")?,
            p99: micros(printed, "p99_us")?,
            max: micros(printed, "max_us")?,
        },
    })
}

fn statuses(printed: &str) -> Result<BTreeMap<u16, u64>, Failure> {
    let lines = printed.lines().filter_map(|line| line.strip_prefix("status_"));
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

fn micros(printed: &str, name: &str) -> Result<Duration, Failure> {
    value(printed, name).map(Duration::from_micros)
}

fn value(printed: &str, name: &str) -> Result<u64, Failure> {
    let found = printed
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let text = found.ok_or_else(|| format!("wrk did not print {name}:\n{printed}"))?;
    text.trim()
        .parse()
        .map_err(|_| format!("wrk printed {name} {text:?}, which is no count").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "\
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
    fn the_result_is_read_from_among_other_lines() {
        let load = parse(PRINTED).expect("complete");
        assert_eq!(load.took, Duration::from_micros(6_000_123));
        assert_eq!(load.created(), 71_900);
        assert_eq!(load.failures(201), 103);
        assert_eq!(load.retry_after, 90);
        assert_eq!(load.latency.p50, Duration::from_micros(4_100));
        assert_eq!(load.latency.max, Duration::from_millis(40));
    }

    #[test]
    fn the_error_names_a_missing_value() {
        let outcome = parse(&PRINTED.replace("p99_us", "p98_us"));
        let error = outcome.expect_err("incomplete").to_string();
        assert!(error.contains("p99_us"), "{error}");
    }

    #[test]
    fn a_malformed_line_is_an_error() {
        assert!(parse(&PRINTED.replace("status_201 71900", "status_201 many")).is_err());
        assert!(parse(&PRINTED.replace("status_201 71900", "status_201")).is_err());
        assert!(parse(&PRINTED.replace("broken 3", "broken -3")).is_err());
    }
}
