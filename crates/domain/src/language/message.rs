//! Messages: commands that another system sends. Each message has an id, by which a repeat is recognised.

use alloc::sync::Arc;
use core::fmt;

/// The longest name of a source, and the longest id of a message, in characters.
pub const MAX_MESSAGE_ID_CHARS: usize = 255;

/// Why a text is not part of a message id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {MAX_MESSAGE_ID_CHARS} characters, has {given}")]
pub struct MessageIdError {
    given: usize,
}

/// Identifies a message by its source and its id there. A message is processed once, however often it is delivered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId {
    source: Arc<str>,
    id: Arc<str>,
}

impl MessageId {
    /// Checks a source and an id.
    ///
    /// # Errors
    /// [`MessageIdError`] when either is empty or too long.
    pub fn new(source: &str, id: &str) -> Result<Self, MessageIdError> {
        Ok(Self {
            source: checked(source)?,
            id: checked(id)?,
        })
    }

    /// The system it comes from.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its id among the messages of that system.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

fn checked(text: &str) -> Result<Arc<str>, MessageIdError> {
    match text.chars().count() {
        1..=MAX_MESSAGE_ID_CHARS => Ok(Arc::from(text)),
        given => Err(MessageIdError { given }),
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.id)
    }
}
