//! Readers of the event feed.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use reqwest::Client;
use xtask::{Failure, Interruptions};

use crate::measure::stats::rate;
use crate::process::block_on::block_on;

/// Events per page.
const PAGE: usize = 1_000;

/// Before all events.
const START: &str = "0";

/// How much longer than requested the readers may run.
const GRACE: Duration = Duration::from_secs(120);

/// Events per second of concurrent readers, each of which pages through all events again and again.
pub(crate) fn read(
    interruptions: &Interruptions,
    address: &str,
    readers: usize,
    duration: Duration,
) -> Result<f64, Failure> {
    block_on(interruptions, duration + GRACE, async {
        let started = Instant::now();
        let reading = (0..readers).map(|_| page_through(address, started, duration));
        let read: u64 = try_join_all(reading).await?.into_iter().sum();
        Ok(rate(read, started.elapsed()))
    })
}

async fn page_through(address: &str, started: Instant, duration: Duration) -> Result<u64, Failure> {
    let client = Client::builder().no_proxy().build()?;
    let (mut read, mut after) = (0, START.to_owned());
    while started.elapsed() < duration {
        let url = format!("http://{address}/v1/events?after={after}&limit={PAGE}");
        let page = client.get(url).send().await?.error_for_status()?.text().await?;
        let count = page.matches("\"sequence\":").count();
        read += count as u64;
        after = if count < PAGE {
            START.to_owned()
        } else {
            next(&page)?.to_owned()
        };
    }
    Ok(read)
}

/// The cursor of the next page: the last member of a page.
fn next(page: &str) -> Result<&str, Failure> {
    let found = page.rsplit_once("\"next\":");
    let found = found.map(|(_, next)| next.trim_end().trim_end_matches('}').trim_matches('"'));
    found.ok_or_else(|| "a page of events has no cursor `next`".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_is_the_last_member_of_a_page() {
        assert_eq!(
            next("{\"items\":[{\"next\":1}],\"next\":\"1-1000\"}\n").expect("a cursor"),
            "1-1000"
        );
        assert!(next("{\"items\":[]}").is_err());
    }
}
