//! The architecture as rules that can be checked on any workspace.
//!
//! The rules are plain functions over what Cargo declares and what the sources contain. So the code that guards this
//! workspace is also run on forged violations, and has to find them. [`rules`] says what each crate and each adapter may
//! depend on, [`module_layers`] in which order the modules of a crate stand; the other modules do the checking.

pub mod closure;
#[cfg(doctest)]
pub mod compile_fail;
pub mod edges;
pub mod forbidden_words;
pub mod licences;
pub mod lints;
pub mod living_beside;
pub mod migrations;
pub mod module_layers;
pub mod modules;
pub mod rules;
pub mod sources;
pub mod structure;
pub mod workspace;

use std::fmt;

/// A broken rule, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// The package, file or folder, with the line if there is one.
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
