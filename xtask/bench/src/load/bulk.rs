//! A stream of commands to `/v1/bulk`, with the responses read at the same time.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use reqwest::{Body, Client};
use xtask::{Failure, Interruptions};

use crate::process::block_on::block_on;

/// How much longer than requested the stream may run.
const GRACE: Duration = Duration::from_secs(120);

/// Bytes sent at a time.
const CHUNK: usize = 32 * 1_024;

/// Lines in flight. The buffers of a connection hold many more, and the stream would wait for them after its time is
/// up.
const WINDOW: u64 = 8_192;

/// How often a sender with a full window looks again.
const POLL: Duration = Duration::from_micros(500);

/// The beginning of a response line for a successful command.
const CREATED: &[u8] = b"{\"status\":201,";

/// The outcome of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct BulkResult {
    /// Lines sent.
    pub(crate) sent: u64,
    /// Responses.
    pub(crate) answered: u64,
    /// Responses with status 201.
    pub(crate) created: u64,
    pub(crate) took: Duration,
}

/// Streams commands for a time. `write` appends the line with a number, which counts from 1.
pub(crate) fn stream(
    interruptions: &Interruptions,
    address: &str,
    write: impl Fn(u64, &mut String) + Send + 'static,
    duration: Duration,
) -> Result<BulkResult, Failure> {
    let url = format!("http://{address}/v1/bulk");
    block_on(interruptions, duration + GRACE, async {
        let started = Instant::now();
        let sent = Arc::new(AtomicU64::new(0));
        let answered = Arc::new(AtomicU64::new(0));
        let lines = lines(Arc::clone(&sent), Arc::clone(&answered), write, started + duration);
        let client = Client::builder().no_proxy().build()?;
        let request = client.post(url).header("content-type", "application/x-ndjson");
        let request = request.body(Body::wrap_stream(lines));
        let mut responses = request.send().await?.error_for_status()?.bytes_stream();
        let mut counter = ResponseCounter::default();
        while let Some(bytes) = responses.next().await {
            counter.read(&bytes?);
            answered.store(counter.answered, Ordering::Relaxed);
        }
        Ok(BulkResult {
            sent: sent.load(Ordering::Relaxed),
            answered: counter.answered,
            created: counter.created,
            took: started.elapsed(),
        })
    })
}

/// The lines to send until the time is up, within the window. `sent` counts them.
fn lines(
    sent: Arc<AtomicU64>,
    answered: Arc<AtomicU64>,
    write: impl Fn(u64, &mut String),
    until: Instant,
) -> impl Stream<Item = Result<String, Infallible>> {
    futures::stream::unfold((sent, answered, write), move |(sent, answered, write)| async move {
        while sent.load(Ordering::Relaxed) - answered.load(Ordering::Relaxed) > WINDOW {
            tokio::time::sleep(POLL).await;
        }
        if Instant::now() >= until {
            return None;
        }
        let mut chunk = String::with_capacity(CHUNK + 256);
        while chunk.len() < CHUNK {
            write(sent.fetch_add(1, Ordering::Relaxed) + 1, &mut chunk);
            chunk.push('\n');
        }
        Some((Ok(chunk), (sent, answered, write)))
    })
}

/// Counts response lines that arrive in pieces. It compares bytes and parses no JSON: the load generator shares the CPU
/// with the service.
#[derive(Debug, Default)]
struct ResponseCounter {
    answered: u64,
    created: u64,
    /// The position in the current line.
    position: usize,
    /// Whether the current line differs from [`CREATED`].
    differs: bool,
}

impl ResponseCounter {
    fn read(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                self.answered += 1;
                self.created += u64::from(!self.differs && self.position >= CREATED.len());
                (self.position, self.differs) = (0, false);
                continue;
            }
            self.differs |= CREATED.get(self.position).is_some_and(|expected| expected != byte);
            self.position += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_counted_wherever_their_pieces_end() {
        let responses = b"{\"status\":201,\"body\":{}}\n{\"status\":409,\"body\":{}}\n{\"status\":201,\"body\":{}}\n";
        for place in 0..responses.len() {
            let mut counter = ResponseCounter::default();
            counter.read(&responses[..place]);
            counter.read(&responses[place..]);
            assert_eq!((counter.answered, counter.created), (3, 2), "cut at {place}");
        }
    }
}
