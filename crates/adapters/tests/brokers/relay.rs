//! A relay as small as can be: asks for the last event and publishes from there, as often as it takes.

use std::time::Duration;

use earmark_application::{LastPublished, PublishError, Publisher};

use super::log::Log;

/// How long it waits before it tries again.
const PAUSE: Duration = Duration::from_millis(20);

/// Publishes the log to its end, in calls of changing lengths up to `longest`, and tells how often it had to begin
/// again.
pub(crate) async fn deliver(publisher: &dyn Publisher, log: &Log, longest: usize) -> usize {
    deliver_at_a_pace(publisher, log, longest, async |_| {}).await
}

/// The same; `pace` is waited for before each call, with the events that were delivered so far.
pub(crate) async fn deliver_at_a_pace(
    publisher: &dyn Publisher,
    log: &Log,
    longest: usize,
    pace: impl AsyncFn(usize),
) -> usize {
    let (mut calls, mut failures) = (0, 0);
    loop {
        match deliver_until_it_fails(publisher, log, longest, &mut calls, &pace).await {
            Ok(()) => return failures,
            Err(PublishError::Unavailable { .. } | PublishError::OutOfStep(_)) => tokio::time::sleep(PAUSE).await,
            Err(other) => panic!("{other}"),
        }
        failures += 1;
    }
}

async fn deliver_until_it_fails(
    publisher: &dyn Publisher,
    log: &Log,
    longest: usize,
    calls: &mut usize,
    pace: &impl AsyncFn(usize),
) -> Result<(), PublishError> {
    let mut at = match publisher.last_published(&log.books).await? {
        LastPublished::Nothing => 0,
        LastPublished::Event(place) => usize::try_from(place.sequence).expect("an index"),
        other => panic!("the broker says {other:?}"),
    };
    while at < log.events.len() {
        pace(at).await;
        *calls += 1;
        let length = *calls * 7919 % longest + 1;
        let end = log.events.len().min(at + length);
        publisher.publish(&log.events[at..end]).await?;
        at = end;
    }
    Ok(())
}
