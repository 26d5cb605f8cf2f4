//! Entries of the log of access decisions: who was refused what and why, and who has changed who may do what.
//!
//! What was done to the stock is in the events, each with its actor. Here is what leaves no event. An entry never has
//! anything that opens the service, nor anything of the content of a call.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::permission::Denied;
use super::principal::Principal;
use super::role::Role;

/// What makes an entry unique. It is written any number of times under one id, and is one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub [u8; 16]);

/// Who has asked, as far as the service knows.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Caller {
    /// The name of the principal, or of the key that was shown and opens nothing any more. `None`: a stranger.
    pub name: Option<Arc<str>>,
    /// From where. `None`: not from a network, or it is not known.
    pub address: Option<IpAddr>,
}

impl Caller {
    /// Somebody the service knows.
    #[must_use]
    pub fn known(name: impl Into<Arc<str>>) -> Self {
        Self {
            name: Some(name.into()),
            address: None,
        }
    }

    /// The same, from this address.
    #[must_use]
    pub const fn at(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }
}

impl From<&Principal> for Caller {
    fn from(principal: &Principal) -> Self {
        Self::known(Arc::clone(principal.name()))
    }
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AccessDecision {
    /// It was allowed, and done.
    Done,
    /// The caller has none of the roles that would be needed.
    Forbidden {
        /// The role that is meant for it.
        needs: Role,
    },
    /// What was asked for is not within the bounds of the caller.
    OutOfBounds,
    /// The caller showed no key.
    NoKey,
    /// The caller showed what is no key, or a key that was never made or has another secret by now.
    UnknownKey,
    /// The caller's key has expired.
    ExpiredKey,
    /// The caller's key was revoked.
    RevokedKey,
    /// The caller has asked too often.
    TooMany,
    /// There were more decisions than are recorded: so many are in no entry of their own.
    NotRecorded,
}

impl From<&Denied> for AccessDecision {
    fn from(denied: &Denied) -> Self {
        match denied {
            Denied::Forbidden(forbidden) => Self::Forbidden { needs: forbidden.needs },
            Denied::OutOfBounds(_) | Denied::Unknown(_) => Self::OutOfBounds,
        }
    }
}

/// A text that names no decision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no decision on access")]
pub struct UnknownDecision(pub String);

impl AccessDecision {
    /// Its name, without the role that is needed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Forbidden { .. } => "forbidden",
            Self::OutOfBounds => "out_of_bounds",
            Self::NoKey => "no_key",
            Self::UnknownKey => "unknown_key",
            Self::ExpiredKey => "expired_key",
            Self::RevokedKey => "revoked_key",
            Self::TooMany => "too_many",
            Self::NotRecorded => "not_recorded",
        }
    }

    /// The role that would be needed.
    #[must_use]
    pub const fn needs(self) -> Option<Role> {
        match self {
            Self::Forbidden { needs } => Some(needs),
            _ => None,
        }
    }

    /// The decision of this name, with the role that would be needed where that is a part of it.
    ///
    /// # Errors
    /// [`UnknownDecision`], also for a role that is missing or does not belong there.
    pub fn of(name: &str, needs: Option<Role>) -> Result<Self, UnknownDecision> {
        let all = [
            Self::Done,
            Self::OutOfBounds,
            Self::NoKey,
            Self::UnknownKey,
            Self::ExpiredKey,
            Self::RevokedKey,
            Self::TooMany,
            Self::NotRecorded,
        ];
        let forbidden = needs.map(|needs| Self::Forbidden { needs });
        let decision = all.into_iter().chain(forbidden).find(|known| known.as_str() == name);
        let fits = decision.filter(|decision| decision.needs() == needs);
        fits.ok_or_else(|| UnknownDecision(name.to_owned()))
    }
}

impl fmt::Display for AccessDecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An entry: a decision, or several that differ in nothing but their instants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessEntry {
    /// What makes it unique.
    pub id: EntryId,
    /// When it was decided so first.
    pub first_at: Timestamp,
    /// When it was decided so last.
    pub last_at: Timestamp,
    /// Who asked.
    pub caller: Caller,
    /// What for: the name of a call or of a command.
    pub action: Arc<str>,
    /// What it was done to, where that is the service's own: a key, a subscription, a message source.
    pub about: Option<Arc<str>>,
    /// What was decided.
    pub decision: AccessDecision,
    /// How often.
    pub count: u64,
    /// The request or message of the first.
    pub correlation_id: Option<Arc<str>>,
}

impl AccessEntry {
    /// What was done once, at an instant.
    #[must_use]
    pub fn done(id: EntryId, at: Timestamp, caller: Caller, action: &str, about: &str) -> Self {
        Self {
            id,
            first_at: at,
            last_at: at,
            caller,
            action: action.into(),
            about: Some(about.into()),
            decision: AccessDecision::Done,
            count: 1,
            correlation_id: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_is_read_by_its_name_and_the_role_that_it_names() {
        let needs = Role::Planner;
        let forbidden = AccessDecision::Forbidden { needs };
        assert_eq!(AccessDecision::of("forbidden", Some(needs)), Ok(forbidden));
        for decision in [
            AccessDecision::Done,
            AccessDecision::OutOfBounds,
            AccessDecision::NoKey,
            AccessDecision::UnknownKey,
            AccessDecision::ExpiredKey,
            AccessDecision::RevokedKey,
            AccessDecision::TooMany,
            AccessDecision::NotRecorded,
        ] {
            assert_eq!(AccessDecision::of(decision.as_str(), None), Ok(decision));
            assert!(AccessDecision::of(decision.as_str(), Some(needs)).is_err());
        }
        for (name, needs) in [("forbidden", None), ("", None), ("Done", None), ("x", Some(needs))] {
            assert!(AccessDecision::of(name, needs).is_err(), "{name}");
        }
    }
}
