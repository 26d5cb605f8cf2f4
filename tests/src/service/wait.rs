//! Waiting with a deadline: for something to finish, or for a condition to become true.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// How long a case waits for anything before it fails. Long, because the machine may be busy; a case that passes never
/// waits this long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The pause between two checks of a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Waits for something to finish.
///
/// # Panics
/// When it has not finished after [`PATIENCE`]; `what` is in the message.
pub async fn in_time<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, waiting).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: not within {} seconds", PATIENCE.as_secs()),
    }
}

/// Polls until there is a result.
///
/// # Panics
/// When there is none after [`PATIENCE`]; `what` is in the message.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut poll: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = poll().await {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "{what}: not within {} seconds",
            PATIENCE.as_secs()
        );
        sleep(POLL_INTERVAL).await;
    }
}
