//! Streams over HTTP, which the load generator does not know: paging through the events, and bulk.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use futures::future::try_join_all;
use futures::{Stream, StreamExt};
use reqwest::{Body, Client};

use super::command::{Pause, Programs};
use super::figures::rate;
use crate::Failure;

/// Events a page.
const PAGE: usize = 1_000;

/// How much longer than it was asked a stream may take to end.
const GRACE: Duration = Duration::from_secs(120);

/// How often those who work are looked at.
const GLANCE: Duration = Duration::from_millis(5);

/// Bytes of lines that are sent at a time.
const CHUNK: usize = 32 * 1_024;

/// Lines that may wait for an answer. What connections hold on the way is much more, and would be waited for long after
/// the stream's time is up.
const UNDER_WAY: u64 = 8_192;

/// How often a sender looks whether it may go on.
const SENDERS_GLANCE: Duration = Duration::from_micros(500);

/// How the answer to a line begins when something was created.
const CREATED: &[u8] = b"{\"status\":201,";

/// How many events a second so many readers get who page through all of them, again and again, for so long.
pub(super) fn events(programs: Programs<'_>, address: &str, readers: usize, long: Duration) -> Result<f64, Failure> {
    let address = address.to_owned();
    beside(programs.pause, long + GRACE, async move {
        let begun = Instant::now();
        let reading = (0..readers).map(|_| page_through(&address, begun, long));
        let read: u64 = try_join_all(reading).await?.into_iter().sum();
        Ok(rate(read, begun.elapsed()))
    })
}

async fn page_through(address: &str, begun: Instant, long: Duration) -> Result<u64, Failure> {
    let client = Client::new();
    let (mut read, mut after) = (0, 0);
    while begun.elapsed() < long {
        let url = format!("http://{address}/v1/events?after={after}&limit={PAGE}");
        let page = client.get(url).send().await?.error_for_status()?.text().await?;
        let count = page.matches("\"sequence\":").count();
        read += count as u64;
        after = if count < PAGE { 0 } else { next(&page)? };
    }
    Ok(read)
}

/// Where the next page begins, which stands at a page's end.
fn next(page: &str) -> Result<u64, Failure> {
    let told = page.rsplit_once("\"next\":");
    let told = told.and_then(|(_, next)| next.trim_end().trim_end_matches('}').trim_matches('"').parse().ok());
    told.ok_or_else(|| "a page of events does not tell where the next one begins".into())
}

/// What came of a stream of commands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Streamed {
    /// Lines sent.
    pub(super) sent: u64,
    /// Answers in all.
    pub(super) answered: u64,
    /// Answers that something was created.
    pub(super) created: u64,
    pub(super) took: Duration,
}

/// Sends commands to `/v1/bulk` for so long, and reads the answers meanwhile. `write` writes the line with a number,
/// which rises from 1.
pub(super) fn bulk(
    programs: Programs<'_>,
    address: &str,
    write: impl Fn(u64, &mut String) + Send + 'static,
    long: Duration,
) -> Result<Streamed, Failure> {
    let url = format!("http://{address}/v1/bulk");
    beside(programs.pause, long + GRACE, async move {
        let begun = Instant::now();
        let sent = Arc::new(AtomicU64::new(0));
        let answered = Arc::new(AtomicU64::new(0));
        let lines = lines(Arc::clone(&sent), Arc::clone(&answered), write, begun + long);
        let request = Client::new().post(url).header("content-type", "application/x-ndjson");
        let request = request.body(Body::wrap_stream(lines));
        let mut answers = request.send().await?.error_for_status()?.bytes_stream();
        let mut counted = Counted::default();
        while let Some(bytes) = answers.next().await {
            counted.take(&bytes?);
            answered.store(counted.answered, Ordering::Relaxed);
        }
        Ok(Streamed {
            sent: sent.load(Ordering::Relaxed),
            answered: counted.answered,
            created: counted.created,
            took: begun.elapsed(),
        })
    })
}

/// The lines to send until the time is up, never more than so many without an answer. `sent` counts them.
fn lines(
    sent: Arc<AtomicU64>,
    answered: Arc<AtomicU64>,
    write: impl Fn(u64, &mut String),
    until: Instant,
) -> impl Stream<Item = Result<String, Infallible>> {
    futures::stream::unfold((sent, answered, write), move |(sent, answered, write)| async move {
        while sent.load(Ordering::Relaxed) - answered.load(Ordering::Relaxed) > UNDER_WAY {
            tokio::time::sleep(SENDERS_GLANCE).await;
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

/// Answers, counted as they come in pieces.
#[derive(Debug, Default)]
struct Counted {
    answered: u64,
    created: u64,
    /// How much of the present line fits the beginning of one that tells of something created; `None`: it does not.
    /// Its whole length: it does.
    fits: Option<usize>,
    /// Whether the present line has any bytes yet.
    begun: bool,
}

impl Counted {
    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                self.answered += 1;
                self.created += u64::from(self.fits == Some(CREATED.len()));
                (self.begun, self.fits) = (false, None);
                continue;
            }
            if !self.begun {
                (self.begun, self.fits) = (true, Some(0));
            }
            if let Some(place) = self.fits
                && let Some(expected) = CREATED.get(place)
            {
                self.fits = (expected == byte).then_some(place + 1);
            }
        }
    }
}

/// Runs asynchronous work beside this thread, which looks up meanwhile whether it is interrupted.
pub(super) fn beside<T: Send + 'static>(
    pause: Pause<'_>,
    limit: Duration,
    work: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let outcome = runtime.block_on(async { tokio::time::timeout(limit, work).await });
        let seconds = limit.as_secs();
        // Nobody listens any more after an interruption.
        drop(tell.send(outcome.unwrap_or_else(|_| Err(format!("a stream has not ended within {seconds} s").into()))));
    });
    loop {
        match told.try_recv() {
            Ok(outcome) => return outcome,
            Err(TryRecvError::Empty) => pause(GLANCE)?,
            Err(TryRecvError::Disconnected) => return Err("the client of a stream has failed".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_wherever_they_are_torn() {
        let answers = b"{\"status\":201,\"body\":{}}\n{\"status\":409,\"body\":{}}\n{\"status\":201,\"body\":{}}\n";
        for place in 0..answers.len() {
            let mut counted = Counted::default();
            counted.take(&answers[..place]);
            counted.take(&answers[place..]);
            assert_eq!((counted.answered, counted.created), (3, 2), "torn at {place}");
        }
    }

    #[test]
    fn the_next_page_begins_where_the_last_one_says() {
        assert_eq!(next("{\"items\":[{\"next\":1}],\"next\":1000}\n").expect("told"), 1_000);
        assert_eq!(next("{\"items\":[],\"next\":\"17\"}").expect("told"), 17);
        assert!(next("{\"items\":[]}").is_err());
    }
}
