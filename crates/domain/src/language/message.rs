//! Messages: commands that another system sends. Each message has an id, by which a repeat is recognised.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

/// The longest name of a source, and the longest id of a message, in characters.
pub const MAX_MESSAGE_ID_CHARS: usize = 255;

/// Why a text is not part of a message id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageIdError {
    /// It is empty or too long.
    #[error("must have 1 to {MAX_MESSAGE_ID_CHARS} characters, has {given}")]
    Length {
        /// Its number of characters.
        given: usize,
    },
    /// It has a control character. Such an id can't be logged, and not every database stores it.
    #[error("must not contain the control character {0:?}")]
    Control(char),
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
    /// [`MessageIdError`] when either is empty, too long, or has a control character.
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

/// How a processed message ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Processed {
    /// Its command was carried out.
    Done,
    /// Its command was refused, for this reason: a code and a sentence.
    Refused(String),
}

fn checked(text: &str) -> Result<Arc<str>, MessageIdError> {
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(MessageIdError::Control(control));
    }
    match text.chars().count() {
        1..=MAX_MESSAGE_ID_CHARS => Ok(Arc::from(text)),
        given => Err(MessageIdError::Length { given }),
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.source, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_and_an_id_have_1_to_255_characters_however_many_bytes_they_take() {
        let longest = "é".repeat(MAX_MESSAGE_ID_CHARS);
        assert!(MessageId::new(&longest, &longest).is_ok());
        let longer = "é".repeat(MAX_MESSAGE_ID_CHARS + 1);
        assert_eq!(
            MessageId::new("shop", &longer),
            Err(MessageIdError::Length { given: 256 })
        );
        assert_eq!(MessageId::new("", "1"), Err(MessageIdError::Length { given: 0 }));
    }

    #[test]
    fn a_source_and_an_id_have_no_control_character() {
        assert_eq!(MessageId::new("shop", "1\0"), Err(MessageIdError::Control('\0')));
        assert_eq!(MessageId::new("shop\n", "1"), Err(MessageIdError::Control('\n')));
    }
}
