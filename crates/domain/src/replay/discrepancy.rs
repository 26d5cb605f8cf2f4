//! Discrepancies: what can't be true of what is stored.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::language::name::Sku;

/// A contradiction in what is stored, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discrepancy(pub String);

impl Discrepancy {
    /// One that concerns a product.
    pub(super) fn of(sku: &Sku, what: &str) -> Self {
        Self(format!("{sku}: {what}"))
    }

    /// One that concerns a product, if it is known which.
    fn of_any(sku: Option<&Sku>, what: String) -> Self {
        match sku {
            Some(sku) => Self::of(sku, &what),
            None => Self(what),
        }
    }
}

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Compares stored records with those that the events say there are, by their identity. `name`: what a sentence calls
/// the one with an identity. `sku`: the product that it belongs to.
pub(super) fn same<'r, K, T>(
    name: impl Fn(&K) -> String,
    stored: impl Iterator<Item = (K, &'r T)>,
    mut expected: BTreeMap<K, T>,
    sku: impl Fn(&K, &T) -> Option<Sku>,
) -> Vec<Discrepancy>
where
    K: Ord,
    T: PartialEq + fmt::Debug + 'r,
{
    let mut found = Vec::new();
    for (key, record) in stored {
        let what = name(&key);
        let differs = match expected.remove(&key) {
            None => format!("{what} is stored, but no event says so"),
            Some(expected) if expected != *record => {
                format!("{what} is stored as {record:?}, the events say {expected:?}")
            }
            Some(_) => continue,
        };
        found.push(Discrepancy::of_any(sku(&key, record).as_ref(), differs));
    }
    for (key, record) in expected {
        let missing = format!("the events say there is {}, but it is not stored", name(&key));
        found.push(Discrepancy::of_any(sku(&key, &record).as_ref(), missing));
    }
    found
}
