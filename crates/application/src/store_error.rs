//! Why a store failed, told apart by what the caller can do about it.

use std::collections::BTreeSet;

use earmark_domain::{Corrupt, Sku};

use crate::decision::Undecided;

/// Why a store did not store, or did not answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The state that was read is no longer current: load and decide again. Nothing was stored.
    #[error("the state changed while it was decided on")]
    Conflict,
    /// The store can't be reached or does not answer in time. Whether the change was stored may be unknown; sending
    /// the command again is safe, because commands are idempotent.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// Rows are locked by others, who did not release them in time. Names the products that are locked, so that the
    /// commands on others can go on without them; none: what is locked is not known. Nothing was stored.
    #[error("others have locked what is asked for and do not release it{}", named(.0))]
    Locked(BTreeSet<Sku>),
    /// The store fails on what it was asked for, and would again. Nothing was stored.
    #[error("the store fails: {0}")]
    Failed(String),
    /// The stored state can't be true. Nothing may be decided on it.
    #[error("the stored state is corrupt: {0}")]
    Corrupt(String),
    /// The decision could not be taken. Nothing was stored.
    #[error(transparent)]
    Undecided(#[from] Undecided),
}

/// Locked products, for a message: a few of them say enough.
fn named(skus: &BTreeSet<Sku>) -> String {
    const NAMED: usize = 5;
    let names: Vec<&str> = skus.iter().take(NAMED).map(Sku::as_str).collect();
    match skus.len() {
        0 => String::new(),
        1..=NAMED => format!(": {}", names.join(", ")),
        more => format!(": {} and {} more", names.join(", "), more - NAMED),
    }
}

impl From<Corrupt> for StoreError {
    fn from(corrupt: Corrupt) -> Self {
        Self::Corrupt(corrupt.to_string())
    }
}
