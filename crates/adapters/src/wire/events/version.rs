//! The version of the wire format of events, and the names of its schemas.

use std::fmt;

/// The version of the wire format.
///
/// Within a version changes are additive: a new type, a new field that may be left out, a new word where words are listed.
/// What reads events has to pass over what it does not know. Any other change makes another version.
pub const EVENT_FORMAT: u32 = 1;

/// The name of the schema of a type of event: `urn:earmark:event:1:Allocated`. It is the `$id` of the schema, and the
/// `dataschema` of a CloudEvent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaUri<'a>(pub &'a str);

impl fmt::Display for SchemaUri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FORMAT_URI}:{EVENT_FORMAT}:{}", self.0)
    }
}

/// What the names of all schemas begin with.
pub(super) const FORMAT_URI: &str = "urn:earmark:event";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_named_by_the_version_and_the_type() {
        assert_eq!(SchemaUri("Allocated").to_string(), "urn:earmark:event:1:Allocated");
    }
}
