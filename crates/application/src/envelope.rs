//! The envelope that a command travels in: who asks, in which request, on which conditions.

use std::sync::Arc;

use earmark_domain::{Command, MessageId};

use crate::access::Principal;

/// The longest correlation id that is taken from outside, in bytes: it is stored with every event that is caused.
const MAX_CORRELATION_ID: usize = 64;

/// Whether an id from outside can be a correlation id, since it can safely be stored and logged: 1 to 64 visible
/// characters of ASCII.
#[must_use]
pub fn is_correlation_id(text: &str) -> bool {
    (1..=MAX_CORRELATION_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A command in its envelope.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The command.
    pub command: Command,
    /// Who asks.
    pub principal: Principal,
    /// The id of the request or message: the correlation id of the events it causes.
    pub correlation_id: Arc<str>,
    /// The message that carried the command, if it came as one. A message is processed once: its id is stored with the
    /// changes (inbox pattern).
    pub message_id: Option<MessageId>,
    /// The versions of which the product or the order must have one: what the caller has seen, as a precondition. `None`:
    /// any.
    pub if_versions: Option<Arc<[u64]>>,
    /// Whether the command is only decided, to show what it would do: nothing of it is stored.
    pub preview: bool,
}

impl Envelope {
    /// A command without message id, preconditions or preview.
    #[must_use]
    pub const fn new(command: Command, principal: Principal, correlation_id: Arc<str>) -> Self {
        Self {
            command,
            principal,
            correlation_id,
            message_id: None,
            if_versions: None,
            preview: false,
        }
    }

    /// A command of a background job of the service.
    #[must_use]
    pub fn from_service(command: Command, correlation_id: &str) -> Self {
        Self::new(command, Principal::service(), Arc::from(correlation_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_is_long_or_can_not_be_shown_is_no_correlation_id() {
        assert!(is_correlation_id("ORDERS-17"));
        for id in ["", "a b", "ö", "\u{1b}[2J", &"x".repeat(65)] {
            assert!(!is_correlation_id(id), "{id}");
        }
    }
}
