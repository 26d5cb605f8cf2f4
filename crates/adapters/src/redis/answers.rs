//! What the server answers, as the port tells it.

use earmark_application::PublishError;
use redis::RedisError;

use crate::broker::unavailable;

/// An error of the server or of the connection. Those that only somebody who changes the settings can do something
/// about are told apart; all others may pass.
pub(super) fn of(error: &RedisError) -> PublishError {
    match error.code() {
        Some("WRONGTYPE" | "NOPERM" | "MOVED" | "CROSSSLOT") => PublishError::Unfit(error.to_string()),
        _ => unavailable(error),
    }
}
