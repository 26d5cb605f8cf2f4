//! Waits with a bound.

use std::pin::pin;
use std::time::Duration;

use earmark_application::Clock;
use futures::future::{Either, select};

use super::answers::{BrokerError, unavailable};

/// Awaits an answer for at most this long.
///
/// # Errors
/// That of the future, or [`BrokerError::Unavailable`]: it took longer, and was dropped.
pub(crate) async fn within<T, E: From<BrokerError>>(
    clock: &dyn Clock,
    limit: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match select(pin!(answer), clock.pause(limit)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), _)) => {
            let seconds = limit.as_secs();
            Err(unavailable(&format_args!("no answer within {seconds} seconds")).into())
        }
    }
}
