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

/// An error on the way to where commands are taken. Of what the server says only its code is told: one that does not know
/// HELLO says back what it was sent, and that has the password.
pub(super) fn to_login(error: &RedisError) -> BrokerError {
    let Some(code) = error.code() else {
        return of(error);
    };
    let is_old = error
        .detail()
        .is_some_and(|detail| detail.starts_with("unknown command"));
    let why = if is_old { ": it does not know HELLO" } else { "" };
    unavailable(&format_args!("the server does not let the user in, {code}{why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_says_back_what_it_was_sent_tells_nobody_the_password() {
        let said = "unknown command 'HELLO', with args beginning with: '3' 'AUTH' 'shop' 's3cret'";
        let error = RedisError::from((
            redis::ErrorKind::Server(redis::ServerErrorKind::ResponseError),
            "x",
            said.into(),
        ));
        let BrokerError::Unavailable(told) = to_login(&error) else {
            unreachable!("it may pass")
        };
        assert_eq!(told, "the server does not let the user in, ERR: it does not know HELLO");
    }
}
