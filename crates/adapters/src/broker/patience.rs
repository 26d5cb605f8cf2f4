//! Waits with a bound.

use std::pin::pin;
use std::time::Duration;

use earmark_application::{Clock, PublishError};
use futures::future::{Either, select};

use super::answers::unavailable;

/// Awaits an answer for at most this long.
///
/// # Errors
/// That of the future, or [`PublishError::Unavailable`]: it took longer, and was dropped.
pub(crate) async fn within<T>(
    clock: &dyn Clock,
    limit: Duration,
    answer: impl Future<Output = Result<T, PublishError>>,
) -> Result<T, PublishError> {
    match select(pin!(answer), clock.pause(limit)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), _)) => {
            let seconds = limit.as_secs();
            Err(unavailable(&format_args!("no answer within {seconds} seconds")))
        }
    }
}
