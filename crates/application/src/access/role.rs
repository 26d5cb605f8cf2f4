//! Roles: what somebody does in the shop, and so what they may ask of the service.

use std::fmt;
use std::str::FromStr;

/// What somebody does in the shop. No role includes another, but each may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Quotes, orders, holds, confirmations, cancellations.
    Sales,
    /// Receipts, dispatches, counts.
    Warehouse,
    /// Batches, dates, priorities, products.
    Planner,
    /// Keys, subscriptions, dead letters, the log of access decisions.
    Admin,
}

/// A text that names no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role; the roles are viewer, sales, warehouse, planner and admin")]
pub struct UnknownRole(pub String);

impl Role {
    /// All roles.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Sales, Self::Warehouse, Self::Planner, Self::Admin];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Sales => "sales",
            Self::Warehouse => "warehouse",
            Self::Planner => "planner",
            Self::Admin => "admin",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let role = Self::ALL.into_iter().find(|role| role.as_str() == text);
        role.ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// The roles of a principal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Roles(u8);

impl Roles {
    /// None: may do nothing.
    pub const NONE: Self = Self(0);

    /// Every one.
    pub const ALL: Self = Self::NONE
        .and(Role::Viewer)
        .and(Role::Sales)
        .and(Role::Warehouse)
        .and(Role::Planner)
        .and(Role::Admin);

    /// All that is about stock and orders, and not about the service itself.
    pub const OF_THE_SHOP: Self = Self::NONE
        .and(Role::Viewer)
        .and(Role::Sales)
        .and(Role::Warehouse)
        .and(Role::Planner);

    /// Stands for the service itself, beside the roles.
    const SERVICE: u8 = 1 << 7;

    /// Every role, and the work that the service gives itself.
    pub(super) const OF_THE_SERVICE: Self = Self(Self::ALL.0 | Self::SERVICE);

    /// These and another.
    #[must_use]
    pub const fn and(self, role: Role) -> Self {
        Self(self.0 | role.bit())
    }

    /// Whether it is one of these.
    #[must_use]
    pub const fn has(self, role: Role) -> bool {
        self.0 & role.bit() != 0
    }

    /// Whether these are those of the service itself.
    pub(super) const fn are_of_the_service(self) -> bool {
        self.0 & Self::SERVICE != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Role> {
        Role::ALL.into_iter().filter(move |role| self.has(*role))
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<T: IntoIterator<Item = Role>>(roles: T) -> Self {
        roles.into_iter().fold(Self::NONE, Self::and)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_read_by_its_name_alone() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        for text in ["", "Viewer", "viewer ", "root"] {
            assert_eq!(text.parse::<Role>(), Err(UnknownRole(text.to_owned())));
        }
    }

    #[test]
    fn roles_are_a_set() {
        let roles: Roles = [Role::Sales, Role::Admin, Role::Sales].into_iter().collect();
        assert_eq!(roles.iter().collect::<Vec<_>>(), [Role::Sales, Role::Admin]);
        assert!(!roles.has(Role::Viewer));
        assert_eq!(Roles::ALL.iter().count(), Role::ALL.len());
        assert!(!Roles::ALL.are_of_the_service());
    }
}
