//! Open-loop load: allocations are requested at a fixed rate, whatever the responses.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use xtask::{Failure, Interruptions};

use crate::measure::results::{CREATED, Latency, LoadResult, Timing};
use crate::measure::stats::percentile;
use crate::process::block_on::block_on;

/// How often new requests are released.
const TICK: Duration = Duration::from_millis(1);

/// A request without a response by then is broken.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How much longer than requested the load may run: it waits for the last responses.
const GRACE: Duration = Duration::from_secs(60);

/// The longest response, in bytes.
const LONGEST_RESPONSE: usize = 16 * 1_024;

/// The most headers of a response.
const MOST_HEADERS: usize = 32;

/// A constant rate of allocations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OpenLoop {
    pub(crate) per_second: f64,
    /// Connections, which limit the requests in flight.
    pub(crate) connections: usize,
    pub(crate) products: u64,
}

/// What one connection observed.
#[derive(Debug, Default)]
struct Observed {
    /// Responses within the measured time.
    load: LoadResult,
    /// Allocated lines at any time.
    created: u64,
    /// Response times of allocated lines within the measured time.
    latencies: Vec<Duration>,
}

impl OpenLoop {
    /// Runs the load. Returns the responses within the measured time, and how many lines were allocated in all. Order
    /// ids contain the name.
    pub(crate) fn run(
        self,
        interruptions: &Interruptions,
        address: &str,
        name: &str,
        timing: Timing,
    ) -> Result<(LoadResult, u64), Failure> {
        let duration = timing.warm_up + timing.measured;
        block_on(interruptions, duration + GRACE, async {
            let permits = Arc::new(Semaphore::new(0));
            let number = Arc::new(AtomicU64::new(0));
            let started = Instant::now();
            let callers: Vec<_> = (0..self.connections)
                .map(|_| Caller {
                    address: address.to_owned(),
                    name: name.to_owned(),
                    products: self.products,
                    permits: Arc::clone(&permits),
                    number: Arc::clone(&number),
                    measured: started + timing.warm_up..started + duration,
                })
                .map(|caller| tokio::spawn(caller.run()))
                .collect();
            let mut released = 0.0;
            while started.elapsed() < duration {
                tokio::time::sleep(TICK).await;
                let due = started.elapsed().min(duration).as_secs_f64() * self.per_second;
                while released + 1.0 <= due {
                    released += 1.0;
                    permits.add_permits(1);
                }
            }
            // Discards the requests for which no connection was free.
            permits.close();
            let mut load = LoadResult {
                took: timing.measured,
                ..LoadResult::default()
            };
            let (mut latencies, mut created) = (Vec::new(), 0);
            for observed in join_all(callers).await {
                let observed = observed?;
                load.add_counts(&observed.load);
                latencies.extend(observed.latencies);
                created += observed.created;
            }
            latencies.sort_unstable();
            let at = |percent| percentile(&latencies, percent).unwrap_or_default();
            load.latency = Latency {
                p50: at(50),
                p90: at(90),
                p99: at(99),
                max: at(100),
            };
            Ok((load, created))
        })
    }
}

/// One connection, which sends a request whenever it gets a permit.
struct Caller {
    address: String,
    name: String,
    products: u64,
    permits: Arc<Semaphore>,
    number: Arc<AtomicU64>,
    /// Responses outside this time are not counted.
    measured: Range<Instant>,
}

impl Caller {
    async fn run(self) -> Observed {
        let mut observed = Observed::default();
        let mut connection = None;
        let mut buffer = Vec::with_capacity(LONGEST_RESPONSE);
        while let Ok(permit) = self.permits.acquire().await {
            permit.forget();
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            let sent = Instant::now();
            let outcome = tokio::time::timeout(TIMEOUT, self.exchange(&mut connection, &mut buffer, number)).await;
            let counts = self.measured.contains(&Instant::now());
            let Some(response) = outcome.ok().and_then(Result::ok) else {
                observed.load.broken += u64::from(counts);
                connection = None;
                continue;
            };
            if response.closes {
                connection = None;
            }
            observed.created += u64::from(response.status == CREATED);
            if counts {
                *observed.load.statuses.entry(response.status).or_default() += 1;
                observed.load.retry_after += u64::from(response.retry_after);
                if response.status == CREATED {
                    observed.latencies.push(sent.elapsed());
                }
            }
        }
        observed
    }

    async fn exchange(
        &self,
        connection: &mut Option<TcpStream>,
        buffer: &mut Vec<u8>,
        number: u64,
    ) -> Result<Response, Failure> {
        let stream = match connection {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&self.address).await?;
                stream.set_nodelay(true)?;
                connection.insert(stream)
            }
        };
        // A multiplicative hash spreads consecutive numbers over the products.
        let product = (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) % self.products;
        let body = format!(
            r#"{{"order_id":"o-{}-0-{number:012}","sku":"SKU-{product:06}","quantity":1}}"#,
            self.name
        );
        let request = format!(
            "POST /v1/allocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \
             {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        buffer.clear();
        loop {
            if let Some(response) = parse(buffer)? {
                return Ok(response);
            }
            if buffer.len() > LONGEST_RESPONSE || stream.read_buf(buffer).await? == 0 {
                return Err("incomplete response".into());
            }
        }
    }
}

/// What is needed of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Response {
    status: u16,
    retry_after: bool,
    /// Whether the server closes the connection.
    closes: bool,
}

/// Parses a response; `None` while it is incomplete.
fn parse(bytes: &[u8]) -> Result<Option<Response>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes)? else {
        return Ok(None);
    };
    let header = |name: &str| {
        let found = response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| String::from_utf8_lossy(header.value))
    };
    let length: usize = header("content-length").ok_or("a response without a length")?.parse()?;
    Ok((bytes.len() >= head + length).then_some(Response {
        status: response.code.ok_or("a response without a status")?,
        retry_after: header("retry-after").is_some(),
        closes: header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_parsed_when_it_is_complete() {
        let bytes = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nRetry-After: 1\r\n\r\nbusy";
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]).expect("no error yet"), None, "cut at {end}");
        }
        let expected = Response {
            status: 503,
            retry_after: true,
            closes: false,
        };
        assert_eq!(parse(bytes).expect("a response"), Some(expected));
    }

    #[test]
    fn malformed_responses_are_errors() {
        assert!(parse(b"what?\r\n\r\n").is_err());
        assert!(parse(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
