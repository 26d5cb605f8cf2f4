//! Event types by name, and why an event can't be read.

use earmark_domain::EVENT_TYPES;

/// Why a stored or received event can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// There is no event type of this name.
    #[error("there is no event type {0:?}")]
    UnknownType(String),
    /// The data does not fit the event type.
    #[error("not the data of an event of type {event_type}: {reason}")]
    Malformed {
        /// The type that the data was read as.
        event_type: String,
        /// What is wrong with it, and where.
        reason: String,
    },
}

/// The event type of this name.
///
/// # Errors
/// [`WireError::UnknownType`] when there is none.
pub fn event_type(name: &str) -> Result<&'static str, WireError> {
    let known = EVENT_TYPES.into_iter().find(|known| *known == name);
    known.ok_or_else(|| WireError::UnknownType(name.to_owned()))
}
