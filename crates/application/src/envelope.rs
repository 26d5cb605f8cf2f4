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

/// Whether a text is the context of a trace, as W3C defines it in version 00: `00-TRACE-SPAN-FLAGS` in lower-case hexadecimal
/// digits. It is a correlation id, too; so an event that bears one belongs to a trace.
#[must_use]
pub fn is_trace_context(text: &str) -> bool {
    let mut parts = text.split('-');
    let mut id = |digits: usize, may_be_zero: bool| {
        parts.next().is_some_and(|part| {
            part.len() == digits
                && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                && (may_be_zero || part.bytes().any(|byte| byte != b'0'))
        })
    };
    text.starts_with("00-") && id(2, true) && id(32, false) && id(16, false) && id(2, true) && parts.next().is_none()
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
    fn the_context_of_a_trace_is_a_correlation_id_of_one_form() {
        let context = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert!(is_trace_context(context) && is_correlation_id(context));
        for other in [
            "",
            "00",
            "ORDERS-17",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        ] {
            assert!(!is_trace_context(other), "{other}");
        }
    }

    #[test]
    fn an_id_that_is_long_or_can_not_be_shown_is_no_correlation_id() {
        assert!(is_correlation_id("ORDERS-17"));
        for id in ["", "a b", "ö", "\u{1b}[2J", &"x".repeat(65)] {
            assert!(!is_correlation_id(id), "{id}");
        }
    }
}
