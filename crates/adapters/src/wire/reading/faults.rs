//! Faults: what is wrong with the fields of a request, all of it.

use std::fmt::Display;

use serde::Serialize;

/// The most faults that one answer lists. Every field of the largest order fits; a body with more faults is garbage,
/// and repeating it costs more than it helps.
const MAX_FAULTS: usize = 2_000;

/// A field at fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = FieldError))]
pub struct Fault {
    /// Which one, as a path; empty for the body as a whole.
    #[cfg_attr(feature = "schema", schema(example = "lines[2].quantity"))]
    pub field: String,
    /// What is wrong with it.
    #[cfg_attr(
        feature = "schema",
        schema(example = "must be a whole number from 1 to 1000000000, is 0")
    )]
    pub message: String,
}

/// The faults found so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    listed: Vec<Fault>,
    unlisted: usize,
}

impl Faults {
    /// Adds a fault.
    pub fn add(&mut self, field: impl Into<String>, message: impl Display) {
        if self.listed.len() < MAX_FAULTS {
            self.listed.push(Fault {
                field: field.into(),
                message: message.to_string(),
            });
        } else {
            self.unlisted += 1;
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// The faults that are listed, and how many more there are.
    #[must_use]
    pub fn into_parts(self) -> (Vec<Fault>, usize) {
        (self.listed, self.unlisted)
    }
}

/// A caller's own text, cut to a length that is worth repeating.
#[must_use]
pub fn shortened(text: &str) -> String {
    /// Enough to recognise what was sent. No name is longer.
    const MAX_CHARS: usize = 64;
    match text.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_listed_faults_is_bounded() {
        let mut faults = Faults::default();
        for _ in 0..5_000 {
            faults.add("x", "y");
        }
        let (listed, unlisted) = faults.into_parts();
        assert_eq!((listed.len(), unlisted), (MAX_FAULTS, 3_000));
    }

    #[test]
    fn a_callers_text_is_not_repeated_at_length() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"é".repeat(1000)).chars().count(), 65);
    }
}
