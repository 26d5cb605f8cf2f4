//! Principals: who asks.

use std::fmt;
use std::sync::Arc;

use super::bounds::Bounds;
use super::role::Roles;

/// Who asks: a key, a user, a message source, or a part of the service itself. The `actor` of the events that a command
/// causes. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    name: Arc<str>,
    roles: Roles,
    /// `None`: it knows of everything.
    bounds: Option<Arc<Bounds>>,
}

impl Principal {
    /// A principal of this name, with these roles, that knows of everything.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>, roles: Roles) -> Self {
        Self {
            name: name.into(),
            roles,
            bounds: None,
        }
    }

    /// The same, which knows of no more than this.
    #[must_use]
    pub fn within(self, bounds: &Bounds) -> Self {
        Self {
            bounds: (!bounds.is_everything()).then(|| Arc::new(bounds.clone())),
            ..self
        }
    }

    /// The service itself: its background jobs.
    #[must_use]
    pub fn service() -> Self {
        Self::new("earmark", Roles::OF_THE_SERVICE)
    }

    /// The name, as events show it.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// What it may do.
    #[must_use]
    pub const fn roles(&self) -> Roles {
        self.roles
    }

    /// What it knows of; `None`: everything.
    #[must_use]
    pub const fn bounds(&self) -> Option<&Arc<Bounds>> {
        self.bounds.as_ref()
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
