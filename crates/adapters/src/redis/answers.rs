//! What the server answers, as the port tells it.

use redis::RedisError;

use crate::broker::{BrokerError, unavailable};

/// An error of the server or of the connection. Those that only somebody who changes the settings can do something
/// about are told apart; all others may pass.
pub(super) fn of(error: &RedisError) -> BrokerError {
    match error.code() {
        Some("WRONGTYPE" | "NOPERM" | "MOVED" | "CROSSSLOT") => BrokerError::Unfit(error.to_string()),
        _ => unavailable(error),
    }
}
