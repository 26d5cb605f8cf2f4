//! Layers: defaults, file, environment and flags, merged into one flat list of values with their sources.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use config::{Config, ConfigError, Environment, File, FileFormat, Map, Value, ValueKind};

use super::catalogue::{DEFAULTS, PREFIX, SEPARATOR, misspelled, variable};
use super::error::SettingsError;
use super::secrets::without_quotes;
use super::source::{Source, Sourced};

/// The file that is read, if it exists, when no other is named.
const FILE: &str = "earmark.toml";

/// A setting given by a flag. Its value may be a secret, so it is not shown.
#[derive(Clone)]
pub(crate) struct Flag {
    /// The flag as typed, such as `--listen`.
    pub(crate) flag: &'static str,
    /// The name of the setting.
    pub(crate) setting: &'static str,
    /// The value.
    pub(crate) value: String,
}

impl fmt::Debug for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flag").field("flag", &self.flag).finish_non_exhaustive()
    }
}

/// Where settings are read from.
#[derive(Default)]
pub(crate) struct Layers {
    /// The working directory, searched for `earmark.toml`.
    pub(crate) directory: PathBuf,
    /// The file to read instead; it must exist.
    pub(crate) file: Option<PathBuf>,
    /// The environment variables; `None`: those of the process.
    pub(crate) environment: Option<Map<String, String>>,
    /// The flags.
    pub(crate) flags: Vec<Flag>,
}

impl Layers {
    /// Merges the layers: the value in force for each name.
    ///
    /// # Errors
    /// [`SettingsError`] when a layer can't be read or an environment variable is misspelled.
    pub(super) fn merge(self) -> Result<BTreeMap<String, Sourced>, SettingsError> {
        let defaults = DEFAULTS.into_iter().map(|(name, value)| {
            let sourced = Sourced {
                value: value.into(),
                source: Source::Default,
            };
            (name.to_owned(), sourced)
        });
        let mut merged: BTreeMap<_, _> = defaults.collect();
        if let Some(path) = self.path()? {
            let file = Config::builder()
                .add_source(File::new(&path.to_string_lossy(), FileFormat::Toml))
                .build();
            add(&mut merged, file, &path.display().to_string(), |_| {
                Source::File(path.clone())
            })?;
        }
        let names: Vec<String> = match &self.environment {
            Some(given) => given.keys().cloned().collect(),
            // A name that is not text is not the name of a setting.
            None => std::env::vars_os()
                .filter_map(|(name, _)| name.into_string().ok())
                .collect(),
        };
        if let Some((name, given)) = names.iter().find_map(|given| Some((misspelled(given)?, given.clone()))) {
            return Err(SettingsError::Misspelled { name, given });
        }
        let environment = Environment::with_prefix(PREFIX)
            .prefix_separator(SEPARATOR)
            .separator(SEPARATOR)
            .source(self.environment);
        let environment = Config::builder().add_source(environment).build();
        add(&mut merged, environment, "the environment", |name| {
            Source::Environment(variable(name))
        })?;
        for Flag { flag, setting, value } in self.flags {
            let sourced = Sourced {
                value: value.into(),
                source: Source::Flag(flag),
            };
            merged.insert(setting.to_owned(), sourced);
        }
        Ok(merged)
    }

    /// The file to read, if any.
    fn path(&self) -> Result<Option<PathBuf>, SettingsError> {
        let unreadable = |path: &Path, why: String| SettingsError::Unreadable {
            from: path.display().to_string(),
            why,
        };
        match &self.file {
            Some(path) => match std::fs::metadata(path) {
                Ok(_) => Ok(Some(path.clone())),
                Err(error) => Err(unreadable(path, error.to_string())),
            },
            None => {
                let path = self.directory.join(FILE);
                match path.try_exists() {
                    Ok(exists) => Ok(exists.then_some(path)),
                    Err(error) => Err(unreadable(&path, error.to_string())),
                }
            }
        }
    }
}

fn add(
    merged: &mut BTreeMap<String, Sourced>,
    layer: Result<Config, ConfigError>,
    from: &str,
    source: impl Fn(&str) -> Source,
) -> Result<(), SettingsError> {
    let unreadable = |error: ConfigError| SettingsError::Unreadable {
        from: from.to_owned(),
        // The parser quotes the line at fault, and the line may have a password in it.
        why: without_quotes(&error.to_string()),
    };
    flatten(String::new(), layer.map_err(unreadable)?.cache, &mut |name, value| {
        let source = source(&name);
        merged.insert(name, Sourced { value, source });
    });
    Ok(())
}

/// Visits the leaves of a table, by their dotted names.
fn flatten(name: String, value: Value, visit: &mut impl FnMut(String, ValueKind)) {
    match value.kind {
        ValueKind::Table(table) => {
            for (part, value) in table {
                let name = if name.is_empty() {
                    part
                } else {
                    format!("{name}.{part}")
                };
                flatten(name, value, visit);
            }
        }
        leaf => visit(name, leaf),
    }
}
