//! A load that comes at a rate of its own, whatever the answers: so many allocations a second are asked for, and who is
//! slow to be answered does not keep the next from asking.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::command::Programs;
use super::feed::beside;
use super::figures::percentile;
use super::plan::{CREATED, Latency, Load};
use super::service::Times;
use crate::Failure;

/// How often new requests are let go.
const BEAT: Duration = Duration::from_millis(1);

/// An answer that takes longer is none.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// How much longer than asked the whole may take: the last answers are waited for.
const GRACE: Duration = Duration::from_secs(60);

/// The longest answer that is understood, in bytes.
const LONGEST_ANSWER: usize = 16 * 1_024;

/// So many allocations a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flood {
    pub(super) per_second: f64,
    /// Connections: as many requests may be waiting for their answers, and no more.
    pub(super) connections: usize,
    pub(super) products: u64,
}

/// What one connection saw.
#[derive(Debug, Default)]
struct Seen {
    statuses: BTreeMap<u16, u64>,
    retry_after: u64,
    broken: u64,
    /// Lines that were allocated, whether or not that counts.
    created: u64,
    /// How long those waited who got what they wanted.
    waits: Vec<Duration>,
}

impl Flood {
    /// Asks, and counts the answers that come after the warm-up and before the time is up. `run` makes its order ids
    /// unlike any other's. Answers what counts, and how many lines were allocated in all. Latencies are those of lines that were allocated.
    pub(super) fn run(
        self,
        programs: Programs<'_>,
        address: &str,
        run: &str,
        times: Times,
    ) -> Result<(Load, u64), Failure> {
        let long = times.warm_up + times.measured;
        let (address, run) = (address.to_owned(), run.to_owned());
        beside(programs.pause, long + GRACE, async move {
            let tickets = Arc::new(Semaphore::new(0));
            let number = Arc::new(AtomicU64::new(0));
            let begun = Instant::now();
            let callers = (0..self.connections).map(|_| {
                let caller = Caller {
                    address: address.clone(),
                    run: run.clone(),
                    products: self.products,
                    tickets: Arc::clone(&tickets),
                    number: Arc::clone(&number),
                    counted: begun + times.warm_up..begun + long,
                };
                tokio::spawn(caller.ask())
            });
            let callers: Vec<_> = callers.collect();
            let mut given = 0.0;
            while begun.elapsed() < long {
                tokio::time::sleep(BEAT).await;
                let due = begun.elapsed().min(long).as_secs_f64() * self.per_second;
                while given + 1.0 <= due {
                    given += 1.0;
                    tickets.add_permits(1);
                }
            }
            // Tickets that nobody was free to take are void.
            tickets.close();
            let mut load = Load {
                took: times.measured,
                ..Load::default()
            };
            let mut waits = Vec::new();
            let mut created = 0;
            for seen in join_all(callers).await {
                let seen = seen?;
                created += seen.created;
                for (status, count) in seen.statuses {
                    *load.statuses.entry(status).or_default() += count;
                }
                load.retry_after += seen.retry_after;
                load.broken += seen.broken;
                waits.extend(seen.waits);
            }
            waits.sort_unstable();
            let at = |percent| percentile(&waits, percent).unwrap_or_default();
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

/// Somebody with a connection, who asks whenever there is a ticket.
struct Caller {
    address: String,
    run: String,
    products: u64,
    tickets: Arc<Semaphore>,
    number: Arc<AtomicU64>,
    /// What is answered before or later does not count.
    counted: Range<Instant>,
}

impl Caller {
    async fn ask(self) -> Seen {
        let mut seen = Seen::default();
        let mut connection = None;
        let mut buffer = Vec::with_capacity(LONGEST_ANSWER);
        while let Ok(ticket) = self.tickets.acquire().await {
            ticket.forget();
            let number = self.number.fetch_add(1, Ordering::Relaxed);
            let begun = Instant::now();
            let asked = tokio::time::timeout(ANSWER_LIMIT, self.exchange(&mut connection, &mut buffer, number)).await;
            let counts = self.counted.contains(&Instant::now());
            match asked.ok().and_then(Result::ok) {
                Some(answer) => {
                    if answer.closes {
                        connection = None;
                    }
                    seen.created += u64::from(answer.status == CREATED);
                    if !counts {
                        continue;
                    }
                    *seen.statuses.entry(answer.status).or_default() += 1;
                    seen.retry_after += u64::from(answer.retry_after);
                    if answer.status == CREATED {
                        seen.waits.push(begun.elapsed());
                    }
                }
                None => {
                    seen.broken += u64::from(counts);
                    connection = None;
                }
            }
        }
        seen
    }

    async fn exchange(
        &self,
        connection: &mut Option<TcpStream>,
        buffer: &mut Vec<u8>,
        number: u64,
    ) -> Result<Answer, Failure> {
        let stream = match connection {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(&self.address).await?;
                stream.set_nodelay(true)?;
                connection.insert(stream)
            }
        };
        let product = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let body = format!(
            r#"{{"order_id":"o-{}-0-{number:012}","sku":"SKU-{:06}","quantity":1}}"#,
            self.run,
            product % self.products
        );
        let request = format!(
            "POST /v1/allocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \
             {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        buffer.clear();
        loop {
            if let Some(answer) = answer(buffer)? {
                return Ok(answer);
            }
            if buffer.len() > LONGEST_ANSWER || stream.read_buf(buffer).await? == 0 {
                return Err("the answer has no end".into());
            }
        }
    }
}

/// What matters of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answer {
    status: u16,
    retry_after: bool,
    /// Whether the connection ends with it.
    closes: bool,
}

/// The answer in these bytes; nothing while it is not whole.
fn answer(bytes: &[u8]) -> Result<Option<Answer>, Failure> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&bytes[..end])?;
    let status = head.get(9..12).ok_or("no answer of HTTP")?.parse()?;
    let header = |name: &str| {
        let lines = head.lines().skip(1);
        let mut found = lines.filter_map(|line| {
            line.split_once(':')
                .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        });
        found.next().map(|(_, value)| value.trim())
    };
    let length: usize = header("content-length").ok_or("an answer without a length")?.parse()?;
    let answer = Answer {
        status,
        retry_after: header("retry-after").is_some(),
        closes: header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")),
    };
    Ok((bytes.len() >= end + 4 + length).then_some(answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_once_it_is_whole() {
        let bytes = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\nRetry-After: 1\r\n\r\nbusy";
        for end in 0..bytes.len() {
            assert_eq!(answer(&bytes[..end]).expect("nothing wrong yet"), None, "cut at {end}");
        }
        let expected = Answer {
            status: 503,
            retry_after: true,
            closes: false,
        };
        assert_eq!(answer(bytes).expect("an answer"), Some(expected));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        assert!(answer(b"what?\r\n\r\n").is_err());
        assert!(answer(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
