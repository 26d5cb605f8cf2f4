//! The log of access decisions, as it is shown.

use std::net::IpAddr;

use earmark_application::{AccessDecision, LoggedEntry};
use jiff::Timestamp;
use serde::Serialize;

use super::keys::RoleWord;
use super::list::Each;
use crate::wire::text::Text;

/// A decision on access, or several that differ in nothing but their instants.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AccessEntry))]
pub struct AccessEntryJson<'a> {
    /// Its place in the log: rises, and may have gaps.
    #[cfg_attr(feature = "schema", schema(example = 17))]
    pub number: u64,
    /// When it was decided so first.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime, example = "2026-02-01T09:30:00Z"))]
    pub at: Text<Timestamp>,
    /// When it was decided so last: less than two minutes later, unless the database was away meanwhile.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = DateTime, example = "2026-02-01T09:30:41Z"))]
    pub until: Text<Timestamp>,
    /// Who asked: the name of a key, also of one that opens nothing any more; null: a stranger.
    #[cfg_attr(feature = "schema", schema(example = "web-shop", required))]
    pub who: Option<&'a str>,
    /// From which address; null: not from a network, or it is not known.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, example = "192.0.2.7", required))]
    pub address: Option<Text<IpAddr>>,
    /// What for: the id of a call in this document, or the name of a command.
    #[cfg_attr(feature = "schema", schema(example = "create_batch"))]
    pub what: &'a str,
    /// The key, subscription or source that it was done to.
    #[cfg_attr(feature = "schema", schema(required))]
    pub about: Option<&'a str>,
    /// What was decided.
    pub outcome: OutcomeWord,
    /// The role that would be needed; null unless the outcome is `forbidden`.
    #[cfg_attr(feature = "schema", schema(required))]
    pub needs: Option<RoleWord>,
    /// How often.
    #[cfg_attr(feature = "schema", schema(example = 3, minimum = 1))]
    pub count: u64,
    /// The `x-request-id` of the first.
    #[cfg_attr(feature = "schema", schema(required))]
    pub correlation_id: Option<&'a str>,
}

/// What was decided on access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AccessOutcome))]
#[serde(rename_all = "snake_case")]
pub enum OutcomeWord {
    /// It was allowed, and done.
    Done,
    /// The caller has none of the roles that would be needed.
    Forbidden,
    /// What was asked for is not within the bounds of the caller.
    OutOfBounds,
    /// The caller showed no key.
    NoKey,
    /// The caller showed what is no key.
    UnknownKey,
    /// The caller's key has expired.
    ExpiredKey,
    /// The caller's key was revoked.
    RevokedKey,
    /// The caller has asked too often.
    TooMany,
    /// So many decisions were more than is recorded.
    NotRecorded,
}

impl From<AccessDecision> for OutcomeWord {
    fn from(decision: AccessDecision) -> Self {
        match decision {
            AccessDecision::Done => Self::Done,
            AccessDecision::Forbidden { .. } => Self::Forbidden,
            AccessDecision::OutOfBounds => Self::OutOfBounds,
            AccessDecision::NoKey => Self::NoKey,
            AccessDecision::UnknownKey => Self::UnknownKey,
            AccessDecision::ExpiredKey => Self::ExpiredKey,
            AccessDecision::RevokedKey => Self::RevokedKey,
            AccessDecision::TooMany => Self::TooMany,
            AccessDecision::NotRecorded => Self::NotRecorded,
        }
    }
}

impl<'a> From<&'a LoggedEntry> for AccessEntryJson<'a> {
    fn from(logged: &'a LoggedEntry) -> Self {
        let entry = &logged.entry;
        Self {
            number: logged.number,
            at: Text(entry.first_at),
            until: Text(entry.last_at),
            who: entry.caller.name.as_deref(),
            address: entry.caller.address.map(Text),
            what: &entry.action,
            about: entry.about.as_deref(),
            outcome: entry.decision.into(),
            needs: entry.decision.needs().map(RoleWord::from),
            count: entry.count,
            correlation_id: entry.correlation_id.as_deref(),
        }
    }
}

/// A page of decisions on access.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AccessEntryPage))]
pub struct AccessEntryPageJson<'a> {
    /// The decisions, ascending by number.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<AccessEntryJson<'static>>))]
    pub items: Each<'a, LoggedEntry, AccessEntryJson<'a>>,
    /// `after` of the next page; null: this is the last page.
    #[cfg_attr(feature = "schema", schema(example = 17, required))]
    pub next: Option<u64>,
}

#[cfg(test)]
mod tests {
    use earmark_application::Role;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_outcome_has_the_name_of_its_decision() {
        let needs = Role::Sales;
        for decision in [
            AccessDecision::Done,
            AccessDecision::Forbidden { needs },
            AccessDecision::OutOfBounds,
            AccessDecision::NoKey,
            AccessDecision::UnknownKey,
            AccessDecision::ExpiredKey,
            AccessDecision::RevokedKey,
            AccessDecision::NotRecorded,
        ] {
            assert_eq!(json!(OutcomeWord::from(decision)), decision.as_str());
        }
    }
}
