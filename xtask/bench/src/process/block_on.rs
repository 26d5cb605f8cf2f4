//! Running asynchronous load on the current thread.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use xtask::{Failure, Interruptions};

/// How often an interruption by the user is looked for.
const POLL: Duration = Duration::from_millis(5);

/// Runs a future to its end.
///
/// # Errors
/// The future fails or takes longer than `limit`, or the user interrupts.
pub(crate) fn block_on<T>(
    interruptions: &Interruptions,
    limit: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let interrupted = async {
        loop {
            if let Err(interrupted) = interruptions.pause(Duration::ZERO) {
                return interrupted;
            }
            tokio::time::sleep(POLL).await;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match tokio::time::timeout(limit, select(pin!(work), pin!(interrupted))).await {
            Ok(Either::Left((outcome, _))) => outcome,
            Ok(Either::Right((interrupted, _))) => Err(interrupted),
            Err(_) => Err(format!("a load did not end within {} s", limit.as_secs()).into()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_future_ends_by_itself_by_its_limit_or_by_an_interruption() {
        let interruptions = Interruptions::default();
        let long = Duration::from_secs(60);
        assert_eq!(block_on(&interruptions, long, async { Ok(7) }).expect("it ends"), 7);
        let late = block_on(
            &interruptions,
            Duration::ZERO,
            futures::future::pending::<Result<(), Failure>>(),
        );
        assert!(late.expect_err("too late").to_string().contains("did not end"));
        interruptions.interrupt();
        let stopped = block_on(&interruptions, long, futures::future::pending::<Result<(), Failure>>());
        assert_eq!(stopped.expect_err("interrupted").to_string(), "interrupted");
    }
}
