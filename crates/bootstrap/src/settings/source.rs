//! Sources: where the value of a setting comes from.

use std::fmt;
use std::path::PathBuf;

use config::ValueKind;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    File(PathBuf),
    /// The name of the variable.
    Environment(String),
    /// The flag as typed, such as `--listen`.
    Flag(&'static str),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

/// A value, not yet parsed, with its source. It may be a secret, so it is not shown.
#[derive(Clone)]
pub(super) struct Sourced {
    pub(super) value: ValueKind,
    pub(super) source: Source,
}

impl fmt::Debug for Sourced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sourced")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl Sourced {
    /// The value as text; `None` when it is a list or a table.
    pub(super) fn text(&self) -> Option<String> {
        match &self.value {
            ValueKind::Nil | ValueKind::Table(_) | ValueKind::Array(_) => None,
            scalar => Some(scalar.to_string()),
        }
    }

    /// The value of a setting that is a list, as text: its entries separated by commas. `None` when it is a table.
    pub(super) fn list_text(&self) -> Option<String> {
        let ValueKind::Array(entries) = &self.value else {
            return self.text();
        };
        let texts = entries.iter().map(|entry| match &entry.kind {
            ValueKind::Nil | ValueKind::Table(_) | ValueKind::Array(_) => None,
            scalar => Some(scalar.to_string()),
        });
        texts.collect::<Option<Vec<_>>>().map(|texts| texts.join(","))
    }
}
