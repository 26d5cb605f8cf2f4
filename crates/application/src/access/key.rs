//! Access keys: by what a caller from outside is known.
//!
//! Of the secret itself nothing is kept but its hash: what somebody reads in the database opens nothing.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::bounds::Bounds;
use super::principal::Principal;
use super::role::Roles;

/// The most characters of a key's name.
pub const MAX_KEY_NAME_CHARS: usize = 64;

/// The name of a key, by which events and people call its holder: 1 to [`MAX_KEY_NAME_CHARS`] characters, each a letter or a
/// digit of ASCII or one of `.`, `-` and `_`. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(Arc<str>);

/// A text that can't be the name of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyNameError {
    /// It is empty, too long, or has another character.
    #[error("a key's name has 1 to {MAX_KEY_NAME_CHARS} characters, each a letter or a digit of ASCII or one of . - _")]
    Malformed,
    /// The service goes by this name itself.
    #[error("the service goes by the name {0:?} itself")]
    Reserved(String),
}

impl KeyName {
    /// Names that events show for callers without a key.
    const RESERVED: [&'static str; 3] = ["earmark", "import", "demo"];

    /// A text as the name of a key.
    ///
    /// # Errors
    /// [`KeyNameError`].
    pub fn new(text: &str) -> Result<Self, KeyNameError> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if !(1..=MAX_KEY_NAME_CHARS).contains(&text.len()) || !text.bytes().all(is_allowed) {
            return Err(KeyNameError::Malformed);
        }
        if Self::RESERVED.contains(&text) {
            return Err(KeyNameError::Reserved(text.to_owned()));
        }
        Ok(Self(Arc::from(text)))
    }

    /// As text.
    #[must_use]
    pub const fn as_str(&self) -> &Arc<str> {
        &self.0
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The SHA-256 hash of a key's secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyHash(pub [u8; 32]);

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyHash(…)")
    }
}

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its name, of which there is one.
    pub name: KeyName,
    /// The hash of its secret.
    pub hash: KeyHash,
    /// What its holder may do.
    pub roles: Roles,
    /// What its holder knows of.
    pub bounds: Bounds,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it opens nothing; `None`: it does not expire.
    pub expires_at: Option<Timestamp>,
    /// When it was revoked. It stays known, so that its name in events keeps its meaning.
    pub revoked_at: Option<Timestamp>,
    /// When it was used last, to a minute.
    pub last_used_at: Option<Timestamp>,
}

impl AccessKey {
    /// Whether it opens anything at this instant.
    #[must_use]
    pub fn is_in_force(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|end| now < end)
    }

    /// Whom it stands for.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal::new(Arc::clone(self.name.as_str()), self.roles).within(&self.bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_shown_anywhere_and_is_not_the_services_own() {
        for text in ["shop", "wms-1", "Anna.B_2", &"x".repeat(64)] {
            assert!(KeyName::new(text).is_ok(), "{text}");
        }
        for text in ["", "two words", "ö", "a/b", "\u{1b}[2J", &"x".repeat(65)] {
            assert_eq!(KeyName::new(text), Err(KeyNameError::Malformed), "{text}");
        }
        assert!(matches!(KeyName::new("earmark"), Err(KeyNameError::Reserved(_))));
    }

    #[test]
    fn the_hash_of_a_key_is_not_printed() {
        assert_eq!(format!("{:?}", KeyHash([7; 32])), "KeyHash(…)");
    }
}
