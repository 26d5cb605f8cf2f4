//! The house's boundaries, as rules that can be held against any workspace.
//!
//! The rules are plain functions over what Cargo declares and what the sources say, so the same code that guards the
//! house is held against forged violations, and has to find them. [`rooms`] says what each crate and each adapter may
//! touch; the other modules know how to look.

pub mod closure;
pub mod edges;
pub mod house;
pub mod licences;
pub mod lints;
pub mod migrations;
#[cfg(doctest)]
pub mod promises;
pub mod rooms;
pub mod sources;
pub mod structure;
pub mod words;

use std::fmt;

/// A boundary that is crossed, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The package, file or folder, with the line where there is one.
    pub place: String,
    /// What is wrong with it.
    pub fault: String,
}

impl Violation {
    /// A violation at a place.
    pub fn new(place: impl Into<String>, fault: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            fault: fault.into(),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.fault)
    }
}
