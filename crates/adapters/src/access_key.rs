//! What access keys look like: `earmark_`, and then 256 random bits and a checksum as hexadecimal digits.
//!
//! A scanner for leaked secrets knows them by their beginning and by their checksum. What is mistyped or guessed without a
//! thought is refused without a look at the store. Of the text nothing is kept but its SHA-256 hash. 256 random bits can't be
//! guessed, so a plain hash is enough, and as nobody can choose a hash, finding one by comparing gives nothing away.

use std::fmt::{self, Write as _};

use earmark_application::KeyHash;
use sha2::{Digest, Sha256};

/// What every key begins with.
pub const KEY_PREFIX: &str = "earmark_";

/// Bytes of a key's secret.
const SECRET_BYTES: usize = 32;

/// Hexadecimal digits of a key: of its secret and of its checksum.
const DIGITS: usize = 2 * (SECRET_BYTES + size_of::<u32>());

/// The text of a key, to be shown once to whom it is for.
#[derive(PartialEq, Eq)]
pub struct KeyText(String);

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyText(…)")
    }
}

impl KeyText {
    /// The key of a secret.
    #[must_use]
    pub fn new(secret: [u8; SECRET_BYTES]) -> Self {
        let mut text = String::with_capacity(KEY_PREFIX.len() + DIGITS);
        text.push_str(KEY_PREFIX);
        for byte in secret {
            write!(text, "{byte:02x}").expect("writing to a string does not fail");
        }
        let checksum = checksum(&text);
        write!(text, "{checksum:08x}").expect("writing to a string does not fail");
        Self(text)
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        hash(&self.0)
    }
}

/// The hash of a text that has the form of a key; `None`: it has another.
#[must_use]
pub fn hash_of(text: &str) -> Option<KeyHash> {
    let digits = text.strip_prefix(KEY_PREFIX)?;
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if digits.len() != DIGITS || !digits.bytes().all(is_digit) {
        return None;
    }
    let (secret, given) = text.split_at(text.len() - 2 * size_of::<u32>());
    let is_whole = u32::from_str_radix(given, 16) == Ok(checksum(secret));
    is_whole.then(|| hash(text))
}

fn checksum(text: &str) -> u32 {
    crc32fast::hash(text.as_bytes())
}

fn hash(text: &str) -> KeyHash {
    KeyHash(Sha256::digest(text.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_known_by_its_text() {
        let key = KeyText::new([0xa5; 32]);
        assert_eq!(key.expose().len(), KEY_PREFIX.len() + 72);
        assert_eq!(hash_of(key.expose()), Some(key.hash()));
        assert_ne!(key.hash(), KeyText::new([0xa4; 32]).hash());
    }

    #[test]
    fn a_text_with_a_slip_in_it_is_no_key() {
        let key = KeyText::new([7; 32]);
        let text = key.expose();
        for at in 0..text.len() {
            let mut slip = text.to_owned();
            let other = if text.as_bytes()[at] == b'3' { "4" } else { "3" };
            slip.replace_range(at..=at, other);
            assert_eq!(hash_of(&slip), None, "{slip}");
        }
        for text in [
            "",
            "earmark_",
            &text[1..],
            &text[..text.len() - 1],
            &text.to_uppercase(),
        ] {
            assert_eq!(hash_of(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", KeyText::new([7; 32])), "KeyText(…)");
    }
}
