//! Digests: whether something is the same, without keeping it.

use core::fmt;

use super::locations::Locations;

/// A digest of 64 bits (FNV-1a): equal parts in the same order have equal ones. It tells a mistake or a change, and no
/// attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) const EMPTY: Self = Self(0xcbf2_9ce4_8422_2325);

    fn with_bytes(self, bytes: impl Iterator<Item = u8>) -> Self {
        Self(bytes.fold(self.0, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        }))
    }

    /// The digest with one more part. Parts can't run into each other: no name has the byte between them.
    pub(crate) fn with(self, part: &str) -> Self {
        self.with_bytes(part.bytes().chain([0]))
    }

    /// The digest with one more number.
    pub(crate) fn with_number(self, number: u64) -> Self {
        self.with_bytes(number.to_be_bytes().into_iter())
    }

    /// The digest with one more number, which may be negative.
    pub(crate) fn with_signed(self, number: i64) -> Self {
        self.with_bytes(number.to_be_bytes().into_iter())
    }

    /// The digest with one more part, if there is one: that there is none counts too.
    pub(crate) fn with_optional<T>(self, part: Option<T>, with: impl FnOnce(Self, T) -> Self) -> Self {
        match part {
            None => self.with_number(0),
            Some(part) => with(self.with_number(1), part),
        }
    }

    pub(crate) fn of_locations(self, locations: &Locations) -> Self {
        let named = locations.as_slice().iter();
        named.fold(self, |digest, location| digest.with(location.as_str()))
    }

    /// The digest as a number.
    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    /// The digest that this text shows.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let digest = u64::from_str_radix(text, 16).ok()?;
        (text.len() == 16).then_some(Self(digest))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
