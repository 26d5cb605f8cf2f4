//! Errors: why the settings are refused.

use super::catalogue;
use super::source::Source;

/// Why the settings are refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// The file is missing or is not TOML, or the environment is not text.
    #[error("settings can't be read from {from}: {why}")]
    Unreadable { from: String, why: String },
    /// No setting has this name.
    #[error("unknown setting {name} ({origin}); the settings are {}", catalogue::NAMES.join(", "))]
    Unknown { name: String, origin: Source },
    /// An environment variable resembles that of a setting; without this error it would be ignored silently.
    #[error(
        "environment variable {given} has no effect; the variable of {name} is {}",
        catalogue::variable(name)
    )]
    Misspelled { name: &'static str, given: String },
    /// The value is not allowed.
    #[error("setting {name} ({origin}) can't be {given}: {allowed}")]
    Wrong {
        name: &'static str,
        origin: Source,
        given: String,
        allowed: String,
    },
    /// Another setting is of no use without this one.
    #[error("setting {name} is missing: {why}")]
    Missing { name: &'static str, why: &'static str },
}
