//! Digests: keys of any length as two numbers.

use std::hash::{BuildHasher, Hash, RandomState};

/// A digest of a key. Two keys with the same digest are taken for the same: with 128 bits, and hash keys that are drawn
/// anew for each import, that two others meet in a file of a milliard rows has a probability below 10⁻²⁰.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digest(pub(super) u64, pub(super) u64);

/// Makes digests.
pub(super) struct Digests {
    first: RandomState,
    second: RandomState,
}

impl Digests {
    /// With hash keys of its own.
    pub(super) fn new() -> Self {
        Self {
            first: RandomState::new(),
            second: RandomState::new(),
        }
    }

    /// The digest of a key.
    pub(super) fn of(&self, key: &impl Hash) -> Digest {
        Digest(self.first.hash_one(key), self.second.hash_one(key))
    }
}
