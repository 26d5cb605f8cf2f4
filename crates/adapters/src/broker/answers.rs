//! What brokers answer, as the port tells it.

use std::fmt::Display;

use earmark_application::PublishError;

/// A broker does not answer, or says to try later.
pub(crate) fn unavailable(reason: &dyn Display) -> PublishError {
    PublishError::Unavailable {
        reason: reason.to_string(),
        retry_after: None,
    }
}
