//! Waiting, never for ever and never blindly: for something to finish, or for something to become true.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// How long anything may take before a case gives up on it. Generous: the machine may be busy with other things, and a
/// case that passes never waits this long.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How long to let others work before looking again.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Waits for something to finish.
///
/// # Panics
/// When it has not after [`PATIENCE`]; `what` is told.
pub async fn in_time<T>(what: &str, waiting: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, waiting).await {
        Ok(done) => done,
        Err(_) => panic!("waited {} seconds in vain: {what}", PATIENCE.as_secs()),
    }
}

/// Looks until there is something to see.
///
/// # Panics
/// When there is nothing after [`PATIENCE`]; `what` is told.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, mut look: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(
            Instant::now() < deadline,
            "waited {} seconds in vain: {what}",
            PATIENCE.as_secs()
        );
        sleep(BETWEEN_LOOKS).await;
    }
}
