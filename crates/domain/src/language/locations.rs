//! The locations a line may be served from.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::name::Location;

/// The most locations one line may name.
pub const MAX_LOCATIONS: usize = 16;

/// Why a list of locations is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LocationsError {
    /// There are more than [`MAX_LOCATIONS`].
    #[error("must have at most {MAX_LOCATIONS} locations, has {0}")]
    TooMany(usize),
    /// One location is listed twice.
    #[error("location {0} stands twice")]
    Twice(Location),
}

/// The locations whose stock a line may get, in order of preference. Stock elsewhere is not offered to it. Empty: stock
/// at any location is offered, without preference.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Locations(Vec<Location>);

impl Locations {
    /// Any location.
    pub const ANY: Self = Self(Vec::new());

    /// These locations, the preferred one first.
    ///
    /// # Errors
    /// [`LocationsError`] when there are too many, or one is listed twice.
    pub fn new(locations: Vec<Location>) -> Result<Self, LocationsError> {
        if locations.len() > MAX_LOCATIONS {
            return Err(LocationsError::TooMany(locations.len()));
        }
        let mut seen = BTreeSet::new();
        match locations.iter().find(|location| !seen.insert(*location)) {
            Some(twice) => Err(LocationsError::Twice(twice.clone())),
            None => Ok(Self(locations)),
        }
    }

    /// Whether stock at any location is offered.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// The locations, the preferred one first; empty for any.
    #[must_use]
    pub fn as_slice(&self) -> &[Location] {
        &self.0
    }
}
