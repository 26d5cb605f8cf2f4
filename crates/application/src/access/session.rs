//! Sessions: whom a browser stands for that has shown a key once.
//!
//! A browser keeps an id in a cookie, and no key. Of the id nothing is kept but its hash.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::key::{KeyHash, KeyName};

/// How long a session lasts: a long working day.
pub const SESSION_LIFETIME: SignedDuration = SignedDuration::from_hours(12);

/// How many sessions a key has at a time. Another one ends the oldest.
pub const MAX_SESSIONS_OF_A_KEY: usize = 20;

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

/// A session as it is kept. It lasts as long as its key has the secret that began it, and is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The hash of its id.
    pub hash: SessionHash,
    /// The hash of the secret that began it.
    pub key: KeyHash,
    /// The name of its key.
    pub key_name: KeyName,
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
