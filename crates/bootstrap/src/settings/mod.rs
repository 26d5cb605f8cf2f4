//! Settings: what the binary runs with, and where each value came from.
//!
//! Layered: built-in defaults, then a file, then the environment, then flags. A setting that does not exist and a value
//! that can't be are refused before anything starts, by name, source and what is allowed.

mod layers;
mod value;

use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use earmark_application::EngineSettings;
use earmark_domain::Promising;

pub(crate) use layers::{Flag, Layers};
pub(crate) use value::{Listen, LogFilter, LogFormat, StoreUrl};

/// The settings in force.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) store: StoreSettings,
    pub(crate) http: HttpSettings,
    pub(crate) log: LogSettings,
    pub(crate) promising: Promising,
    pub(crate) engine: EngineBounds,
    /// Each setting with its value and source, for `earmark settings`.
    pub(crate) told: Vec<Told>,
}

/// Where the books are kept.
#[derive(Debug, Clone)]
pub(crate) struct StoreSettings {
    pub(crate) url: StoreUrl,
    /// How many connections; `None`: as the adapter thinks best.
    pub(crate) connections: Option<NonZeroUsize>,
    /// Whether the schema is brought up to date at the start.
    pub(crate) migrate: bool,
}

/// Where the service listens.
#[derive(Debug, Clone)]
pub(crate) struct HttpSettings {
    pub(crate) listen: Listen,
}

/// What is logged, and how.
#[derive(Debug, Clone)]
pub(crate) struct LogSettings {
    pub(crate) format: LogFormat,
    pub(crate) level: LogFilter,
}

/// Bounds of the engine; `None`: as the engine thinks best.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EngineBounds {
    lanes: Option<NonZeroUsize>,
    queue: Option<NonZeroUsize>,
    queue_timeout: Option<Duration>,
    group: Option<NonZeroUsize>,
}

impl EngineBounds {
    /// These bounds, and the others where none is set.
    pub(crate) fn or(self, others: EngineSettings) -> EngineSettings {
        EngineSettings {
            lanes: self.lanes.map_or(others.lanes, NonZeroUsize::get),
            queue: self.queue.map_or(others.queue, NonZeroUsize::get),
            queue_timeout: self.queue_timeout.unwrap_or(others.queue_timeout),
            group: self.group.map_or(others.group, NonZeroUsize::get),
            ..others
        }
    }
}

/// A setting as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) name: &'static str,
    /// Secrets are masked.
    pub(crate) value: String,
    pub(crate) source: Source,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    File(PathBuf),
    Environment(String),
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

/// Why the settings can't be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    /// A file that was asked for is not there, or is no TOML; or the environment is not text.
    #[error("settings can't be read from {from}: {why}")]
    Unreadable { from: String, why: String },
    /// There is no such setting.
    #[error("unknown setting {name} ({origin}); there are {}", value::NAMES.join(", "))]
    Unknown { name: String, origin: Source },
    /// A variable that is nearly that of a setting, and would be passed over in silence.
    #[error(
        "environment variable {given} sets nothing; {name} is set by {}",
        layers::variable(name)
    )]
    Misspelt { name: &'static str, given: String },
    /// The value can't be.
    #[error("setting {name} ({origin}) can't be {given}: {allowed}")]
    Wrong {
        name: &'static str,
        origin: Source,
        given: String,
        allowed: String,
    },
}

impl Settings {
    /// Reads all layers, the later ones outranking the earlier.
    ///
    /// # Errors
    /// [`SettingsError`], told for the person who set it.
    pub(crate) fn read(layers: Layers) -> Result<Self, SettingsError> {
        value::settings(layers.merge()?)
    }
}
