//! Sessions: whom a browser stands for that has shown a key once, or whose person a provider has named.
//!
//! A browser keeps an id in a cookie, and no key. Of the id nothing is kept but its hash.

use std::fmt;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::key::{KeyHash, KeyName};
use super::person::Person;

/// How long a session lasts: a long working day.
pub const SESSION_LIFETIME: SignedDuration = SignedDuration::from_hours(12);

/// How many sessions a key or a person has at a time. Another one ends the oldest.
pub const MAX_SESSIONS_OF_A_HOLDER: usize = 20;

/// The SHA-256 hash of a session's id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionHash(pub [u8; 32]);

impl fmt::Debug for SessionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionHash(…)")
    }
}

/// The first digits of the hash, by which people name a session: the hash of an id opens nothing.
impl fmt::Display for SessionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Who has begun a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionHolder {
    /// Whoever has shown a key. The session lasts as long as the key has the secret that began it, and is in force.
    Key {
        /// The name of the key.
        name: KeyName,
        /// The hash of the secret.
        hash: KeyHash,
    },
    /// A person, with the roles of when the session began.
    Person(Person),
}

impl SessionHolder {
    /// The name, as events show it.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        match self {
            Self::Key { name, .. } => name.as_str(),
            Self::Person(person) => person.name.as_str(),
        }
    }
}

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The hash of its id.
    pub hash: SessionHash,
    /// Whom it stands for.
    pub holder: SessionHolder,
    /// When it began.
    pub began_at: Timestamp,
    /// When it ends.
    pub ends_at: Timestamp,
}

impl Session {
    /// Whether it has not ended by itself at this instant.
    #[must_use]
    pub fn lasts_at(&self, now: Timestamp) -> bool {
        now < self.ends_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_name_a_session_by_a_few_digits() {
        let hash = SessionHash(std::array::from_fn(|at| u8::try_from(at).expect("a byte")));
        assert_eq!(hash.to_string(), "000102030405");
        assert_eq!(format!("{hash:?}"), "SessionHash(…)");
    }
}
