//! Bounds: of which orders and products somebody knows.
//!
//! A line is within them when its order and its product are, a batch and a product when the product is. What is beyond them
//! does not exist for who asks: it is in no answer.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use earmark_domain::{LineView, NameError, OrderId, Sku};

use super::role::{Role, Roles};

/// The most prefixes of a kind: a list that a person can read, and that a page of a list walks through.
pub const MAX_PREFIXES: usize = 16;

/// The beginning of names: itself a name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(Arc<str>);

impl Prefix {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Prefix {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Sku::new(text).map(|name| Self(Arc::from(name.as_str())))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// There are more prefixes than may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are more than {MAX_PREFIXES} prefixes")]
pub struct TooManyPrefixes;

/// The prefixes of one kind of name, in order, of which none is the beginning of another. None at all: any name. Cheap to
/// clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Prefixes(Arc<[Prefix]>);

impl Prefixes {
    /// These prefixes.
    ///
    /// # Errors
    /// [`TooManyPrefixes`].
    pub fn new(prefixes: impl IntoIterator<Item = Prefix>) -> Result<Self, TooManyPrefixes> {
        let mut given: Vec<Prefix> = prefixes.into_iter().collect();
        given.sort();
        let mut kept: Vec<Prefix> = Vec::new();
        for prefix in given {
            // What begins with another comes right behind it, or behind others that do.
            if !kept.last().is_some_and(|last| prefix.0.starts_with(&*last.0)) {
                kept.push(prefix);
            }
        }
        if kept.len() > MAX_PREFIXES {
            return Err(TooManyPrefixes);
        }
        Ok(Self(kept.into()))
    }

    /// Whether a name begins with one of them, or any name does.
    #[must_use]
    pub fn admit(&self, name: &str) -> bool {
        self.is_empty() || self.0.iter().any(|prefix| name.starts_with(&*prefix.0))
    }

    /// Whether there is none: any name is admitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Prefix> {
        self.0.iter()
    }
}

/// Bounds do not go with these roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an administrator knows of everything, so bounds do not go with the role admin")]
pub struct BoundedAdministrator;

/// What somebody knows of. By default: everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Bounds {
    /// The orders.
    pub orders: Prefixes,
    /// The products.
    pub skus: Prefixes,
}

impl Bounds {
    /// Whether everything is within them.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.orders.is_empty() && self.skus.is_empty()
    }

    /// Whether they go with these roles.
    ///
    /// # Errors
    /// [`BoundedAdministrator`].
    pub fn go_with(&self, roles: Roles) -> Result<(), BoundedAdministrator> {
        if roles.has(Role::Admin) && !self.is_everything() {
            return Err(BoundedAdministrator);
        }
        Ok(())
    }

    /// Whether an order may be named.
    #[must_use]
    pub fn has_order(&self, order: &OrderId) -> bool {
        self.orders.admit(order.as_str())
    }

    /// Whether a product may be named.
    #[must_use]
    pub fn has_sku(&self, sku: &Sku) -> bool {
        self.skus.admit(sku.as_str())
    }

    /// Whether a line is within them.
    #[must_use]
    pub fn has_line(&self, line: &LineView) -> bool {
        self.has_order(&line.key.order) && self.has_sku(&line.sku)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(texts: &[&str]) -> Prefixes {
        let read = texts.iter().map(|text| text.parse().expect("a prefix"));
        Prefixes::new(read).expect("a few")
    }

    #[test]
    fn a_name_is_admitted_by_its_beginning_and_any_where_there_are_no_prefixes() {
        let some = prefixes(&["AMZ-", "EB"]);
        for name in ["AMZ-", "AMZ-1", "EB", "EBAY"] {
            assert!(some.admit(name), "{name}");
        }
        for name in ["", "AMZ", "amz-1", "XAMZ-1", "E"] {
            assert!(!some.admit(name), "{name}");
            assert!(Prefixes::default().admit(name), "{name}");
        }
    }

    #[test]
    fn an_administrator_has_no_bounds() {
        let bounds = Bounds {
            skus: prefixes(&["A"]),
            ..Bounds::default()
        };
        assert_eq!(bounds.go_with(Roles::OF_THE_SHOP), Ok(()));
        assert_eq!(bounds.go_with(Roles::ALL), Err(BoundedAdministrator));
        assert_eq!(Bounds::default().go_with(Roles::ALL), Ok(()));
    }

    #[test]
    fn prefixes_are_kept_in_order_and_none_is_the_beginning_of_another() {
        let kept = |texts: &[&str]| prefixes(texts).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(kept(&["B", "A-1", "A", "A-2", "B"]), ["A", "B"]);
        assert_eq!(kept(&["AB", "A-", "B"]), ["A-", "AB", "B"]);
    }

    #[test]
    fn there_are_only_so_many_and_each_is_a_name() {
        let many = |count: usize| Prefixes::new((10..10 + count).map(|at| at.to_string().parse().expect("a prefix")));
        assert!(many(MAX_PREFIXES).is_ok());
        assert_eq!(many(MAX_PREFIXES + 1), Err(TooManyPrefixes));
        for text in ["", " ", "A ", "A\n", &"x".repeat(65)] {
            assert!(text.parse::<Prefix>().is_err(), "{text:?}");
        }
    }
}
