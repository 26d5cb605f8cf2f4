//! Layers: defaults, file, environment and flags, merged into one flat list of values with their sources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{Config, ConfigError, Environment, File, FileFormat, Map, Value, ValueKind};

use super::value::NAMES;
use super::{SettingsError, Source};

/// The file that is read where none is named, if it is there.
const FILE: &str = "earmark.toml";

/// What the environment variables of settings begin with.
const PREFIX: &str = "EARMARK";

/// What stands between the parts of such a variable's name.
const SEPARATOR: &str = "__";

/// The values that stand where nobody says otherwise. Settings that depend on the adapter have none.
const DEFAULTS: [(&str, &str); 5] = [
    ("store.url", "sqlite:earmark.db"),
    ("store.migrate", "true"),
    ("http.listen", "127.0.0.1:8080"),
    ("log.format", "auto"),
    // The web server tells of its own workers at every start and end; the lifecycle says what matters of it.
    ("log.level", "info,actix_server=warn"),
];

/// A setting given by a flag.
#[derive(Debug, Clone)]
pub(crate) struct Flag {
    /// As it is typed, such as `--listen`.
    pub(crate) flag: &'static str,
    /// The setting it stands for.
    pub(crate) setting: &'static str,
    /// The value.
    pub(crate) value: String,
}

/// What settings are read from.
#[derive(Debug, Default)]
pub(crate) struct Layers {
    /// The working directory, where `earmark.toml` is looked for.
    pub(crate) directory: PathBuf,
    /// The file asked for instead.
    pub(crate) file: Option<PathBuf>,
    /// The environment to read; `None`: that of the process.
    pub(crate) environment: Option<Map<String, String>>,
    /// Flags.
    pub(crate) flags: Vec<Flag>,
}

/// A value with where it came from.
#[derive(Debug, Clone)]
pub(super) struct Sourced {
    pub(super) value: ValueKind,
    pub(super) source: Source,
}

impl Layers {
    /// The values in force, by name.
    pub(super) fn merge(self) -> Result<BTreeMap<String, Sourced>, SettingsError> {
        let mut merged: BTreeMap<_, _> = DEFAULTS
            .into_iter()
            .map(|(name, value)| {
                (
                    name.to_owned(),
                    Sourced {
                        value: value.into(),
                        source: Source::Default,
                    },
                )
            })
            .collect();
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
            // What is no text is the name of no setting.
            None => std::env::vars_os()
                .filter_map(|(name, _)| name.into_string().ok())
                .collect(),
        };
        if let Some((name, given)) = names.iter().find_map(|given| Some((nearly(given)?, given.clone()))) {
            return Err(SettingsError::Misspelt { name, given });
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

    /// The file to read, if there is one.
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
                    Ok(there) => Ok(there.then_some(path)),
                    Err(error) => Err(unreadable(&path, error.to_string())),
                }
            }
        }
    }
}

/// The environment variable that a setting is set by.
pub(super) fn variable(name: &str) -> String {
    format!("{PREFIX}{SEPARATOR}{}", name.to_uppercase().replace('.', SEPARATOR))
}

/// The setting that a variable would set if its underscores were doubled where they have to be; `None` where they are, or
/// there is no such setting.
fn nearly(given: &str) -> Option<&'static str> {
    let letters = |name: &str| name.replace('_', "").to_uppercase();
    let meant = letters(given);
    let name = NAMES.iter().find(|name| letters(&variable(name)) == meant)?;
    (!given.to_uppercase().starts_with(&format!("{PREFIX}{SEPARATOR}"))).then_some(name)
}

fn add(
    merged: &mut BTreeMap<String, Sourced>,
    layer: Result<Config, ConfigError>,
    from: &str,
    source: impl Fn(&str) -> Source,
) -> Result<(), SettingsError> {
    let unreadable = |error: ConfigError| SettingsError::Unreadable {
        from: from.to_owned(),
        why: error.to_string(),
    };
    flatten(String::new(), layer.map_err(unreadable)?.cache, &mut |name, value| {
        let source = source(&name);
        merged.insert(name, Sourced { value, source });
    });
    Ok(())
}

/// Tables become dotted names.
fn flatten(name: String, value: Value, found: &mut impl FnMut(String, ValueKind)) {
    match value.kind {
        ValueKind::Table(table) => {
            for (part, value) in table {
                let name = if name.is_empty() {
                    part
                } else {
                    format!("{name}.{part}")
                };
                flatten(name, value, found);
            }
        }
        leaf => found(name, leaf),
    }
}
