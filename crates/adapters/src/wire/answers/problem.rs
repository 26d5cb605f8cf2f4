//! Problem documents (RFC 9457): what everything that goes wrong is told as, on every transport.

use std::fmt;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value, json};

use super::kinds::{self, Kind};
use super::outcomes::json_text;
use crate::wire::reading::faults::Faults;
use crate::wire::reading::json::{JsonError, NOT_EXACT};

/// A problem.
#[derive(Debug, Clone)]
pub struct ProblemDocument {
    kind: &'static Kind,
    detail: String,
    /// The members of its kind: `sku`, `shortages`, `errors`, …
    members: Map<String, Value>,
}

impl ProblemDocument {
    /// A problem of a kind, with its detail for people.
    pub fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            members: Map::new(),
        }
    }

    /// With a member that its kind has.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        debug_assert!(
            self.kind.members.iter().any(|member| member.name == name),
            "{} has no member {name}: add it to its kind, from which the OpenAPI document is made",
            self.kind.code
        );
        self.members.insert(name.to_owned(), value.into());
        self
    }

    /// With these members, which its kind has.
    #[must_use]
    pub fn with_all(self, members: Map<String, Value>) -> Self {
        let add = |problem: Self, (name, value): (String, Value)| problem.with(&name, value);
        members.into_iter().fold(self, add)
    }

    /// What was sent has faults: lists all of them.
    #[must_use]
    pub fn invalid(faults: Faults) -> Self {
        let (errors, unlisted) = faults.into_parts();
        let detail = match (errors.as_slice(), unlisted) {
            ([only], 0) if only.field.is_empty() => only.message.clone(),
            ([only], 0) => format!("{} {}", only.field, only.message),
            (_, 0) => format!("{} fields are at fault", errors.len()),
            (_, unlisted) => format!(
                "{} fields are at fault; the first {} are listed",
                errors.len() + unlisted,
                errors.len()
            ),
        };
        Self::new(&kinds::INVALID_REQUEST, detail).with("errors", json!(errors))
    }

    /// What was sent is no JSON.
    #[must_use]
    pub fn malformed(error: JsonError) -> Self {
        match error {
            JsonError::Malformed(message) => Self::new(&kinds::MALFORMED_JSON, message),
            JsonError::NumberOutOfRange { field } => {
                let mut faults = Faults::default();
                faults.add(field, NOT_EXACT);
                Self::invalid(faults)
            }
        }
    }

    /// A defect of the service that has been logged already. Shows nothing of the inside.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            &kinds::INTERNAL,
            "the service failed on this request; it has been logged",
        )
    }

    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// The text of a JSON object.
    #[must_use]
    pub fn body(&self) -> String {
        json_text(self)
    }
}

impl Serialize for ProblemDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("type", &format_args!("/problems/{}", self.kind.code))?;
        map.serialize_entry("title", self.kind.title)?;
        map.serialize_entry("status", &self.kind.status)?;
        map.serialize_entry("detail", &self.detail)?;
        map.serialize_entry("code", self.kind.code)?;
        for (name, value) in &self.members {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The code and the detail.
impl fmt::Display for ProblemDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.code, self.detail)
    }
}
