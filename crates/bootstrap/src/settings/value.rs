//! Values: texts from the layers as the types that settings have.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use config::ValueKind;
use earmark_application::EngineSettings;
use earmark_domain::Promising;
use tracing_subscriber::EnvFilter;

use super::layers::Sourced;
use super::{EngineBounds, HttpSettings, LogSettings, Settings, SettingsError, Source, StoreSettings, Told};

/// Every setting there is, in the order they are shown.
pub(super) const NAMES: [&str; 11] = [
    "store.url",
    "store.connections",
    "store.migrate",
    "http.listen",
    "promising.overdue_grace_days",
    "log.format",
    "log.level",
    "engine.lanes",
    "engine.queue",
    "engine.queue_timeout_ms",
    "engine.group",
];

/// The most that a bound may be set to: beyond it somebody has mistyped, and queues of that length would be memory
/// lost rather than work saved.
const MOST: usize = 1_000_000;

/// What a value may be, said when it is not.
const WHOLE_NUMBER: &str = "a whole number from 1 to 1000000 is allowed";

/// The most days of grace: ten years, beyond which nobody waits for a delivery.
const MOST_DAYS: u16 = 3_650;

/// The longest that a caller may be let wait for a place in a queue: a minute, by which most have hung up.
const MOST_MILLISECONDS: u64 = 60_000;

/// Makes settings of the merged values.
pub(super) fn settings(mut values: BTreeMap<String, Sourced>) -> Result<Settings, SettingsError> {
    if let Some((name, sourced)) = values.iter().find(|(name, _)| !NAMES.contains(&name.as_str())) {
        return Err(SettingsError::Unknown {
            name: name.clone(),
            origin: sourced.source.clone(),
        });
    }
    let told = NAMES.into_iter().map(|name| Told::of(name, values.get(name))).collect();
    let mut take = Taking(&mut values);
    Ok(Settings {
        store: StoreSettings {
            url: take.needed("store.url")?,
            connections: take.bound("store.connections")?,
            migrate: take.needed::<Switch>("store.migrate")?.0,
        },
        http: HttpSettings {
            listen: take.needed("http.listen")?,
        },
        log: LogSettings {
            format: take.needed("log.format")?,
            level: take.needed("log.level")?,
        },
        promising: Promising {
            overdue_grace_days: take
                .optional::<Days>("promising.overdue_grace_days")?
                .map(|days| days.0),
        },
        engine: EngineBounds {
            lanes: take.bound("engine.lanes")?,
            queue: take.bound("engine.queue")?,
            queue_timeout: take
                .optional::<QueueTimeout>("engine.queue_timeout_ms")?
                .map(|queue_timeout| queue_timeout.0),
            group: take.bound("engine.group")?,
        },
        told,
    })
}

struct Taking<'a>(&'a mut BTreeMap<String, Sourced>);

impl Taking<'_> {
    fn optional<T: FromStr<Err = String>>(&mut self, name: &'static str) -> Result<Option<T>, SettingsError> {
        let Some(Sourced { value, source }) = self.0.remove(name) else {
            return Ok(None);
        };
        let wrong = |given: String, allowed| SettingsError::Wrong {
            name,
            origin: source.clone(),
            given,
            allowed,
        };
        let text = scalar(&value).ok_or_else(|| wrong("a list".to_owned(), "a single value is allowed".to_owned()))?;
        text.parse()
            .map(Some)
            .map_err(|allowed| wrong(format!("{:?}", masked(&text)), allowed))
    }

    fn needed<T: FromStr<Err = String>>(&mut self, name: &'static str) -> Result<T, SettingsError> {
        Ok(self.optional(name)?.expect("a setting that is needed has a default"))
    }

    fn bound(&mut self, name: &'static str) -> Result<Option<NonZeroUsize>, SettingsError> {
        Ok(self.optional::<Bound>(name)?.map(|bound| bound.0))
    }
}

/// The value as text; `None` where it is not a single one.
fn scalar(value: &ValueKind) -> Option<String> {
    match value {
        ValueKind::Nil | ValueKind::Table(_) | ValueKind::Array(_) => None,
        single => Some(single.to_string()),
    }
}

impl Told {
    fn of(name: &'static str, sourced: Option<&Sourced>) -> Self {
        match sourced {
            Some(Sourced { value, source }) => {
                let value = masked(&scalar(value).unwrap_or_default());
                Self {
                    name,
                    value,
                    source: source.clone(),
                }
            }
            None => Self {
                name,
                value: unset(name),
                source: Source::Default,
            },
        }
    }
}

/// What holds where nobody has set anything.
fn unset(name: &str) -> String {
    let engine = EngineSettings::default();
    match name {
        "engine.lanes" => engine.lanes.to_string(),
        "engine.queue" => engine.queue.to_string(),
        "engine.queue_timeout_ms" => engine.queue_timeout.as_millis().to_string(),
        "engine.group" => engine.group.to_string(),
        "promising.overdue_grace_days" => "none".to_owned(),
        _ => "(by adapter)".to_owned(),
    }
}

/// The text with the password masked, where it is a URL that has one: in front of its host, or as a parameter.
fn masked(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let (rest, query) = rest
        .split_once('?')
        .map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let rest = match rest.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => format!("{user}@{host}"),
        },
        None => rest.to_owned(),
    };
    let query = query.map(|query| {
        let parameters = query.split('&').map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}=***"),
            _ => parameter.to_owned(),
        });
        format!("?{}", parameters.collect::<Vec<_>>().join("&"))
    });
    format!("{scheme}://{rest}{}", query.unwrap_or_default())
}

/// Where the books are kept. The scheme chooses the adapter.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum StoreUrl {
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
    /// `postgres://…`, whole, as the driver takes it.
    Postgres(String),
    /// `memory:`: gone when the process ends.
    Memory,
}

impl FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const ALLOWED: &str = "sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE and memory: are allowed";
        let Some((scheme, rest)) = text.split_once(':') else {
            return Err(ALLOWED.to_owned());
        };
        match scheme {
            // Two slashes are what people write out of habit; the path is what follows them.
            "sqlite" => match rest.strip_prefix("//").unwrap_or(rest) {
                "" => Err("sqlite: needs the path of a file behind it, as in sqlite:earmark.db".to_owned()),
                ":memory:" => Err("a database in memory is memory:".to_owned()),
                path => Ok(Self::Sqlite(PathBuf::from(path))),
            },
            "postgres" | "postgresql" if rest.starts_with("//") => Ok(Self::Postgres(text.to_owned())),
            "memory" if rest.is_empty() => Ok(Self::Memory),
            _ => Err(ALLOWED.to_owned()),
        }
    }
}

impl fmt::Display for StoreUrl {
    /// The URL with its password masked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&masked(url)),
            Self::Memory => f.write_str("memory:"),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// An address to listen on: `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listen(String);

impl Listen {
    /// The addresses that the host has.
    pub(crate) fn addresses(&self) -> std::io::Result<Vec<SocketAddr>> {
        Ok(self.0.to_socket_addrs()?.collect())
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let valid = text
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        valid
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| "HOST:PORT is allowed, as in 127.0.0.1:8080; port 0 picks a free one".to_owned())
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// For people.
    Pretty,
    /// For machines.
    Json,
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "pretty" => Ok(Self::Pretty),
            "json" => Ok(Self::Json),
            _ => Err("auto, pretty and json are allowed".to_owned()),
        }
    }
}

/// What is logged, in the syntax of `RUST_LOG`; known to be well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFilter(String);

impl LogFilter {
    /// The filter itself.
    pub(crate) fn filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = "error, warn, info, debug, trace, off, or a list such as info,earmark=debug are allowed";
        // A word that is no level would be taken for the name of a module, and silently log next to nothing.
        let levels = ["error", "warn", "info", "debug", "trace", "off"];
        let known = text
            .split(',')
            .all(|part| part.contains('=') || levels.contains(&part.to_lowercase().as_str()));
        match (known, EnvFilter::try_new(text)) {
            (true, Ok(_)) => Ok(Self(text.to_owned())),
            (true, Err(error)) => Err(format!("{error}; {allowed}")),
            (false, _) => Err(allowed.to_owned()),
        }
    }
}

struct Switch(bool);

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| "true and false are allowed".to_owned())
    }
}

struct Days(u16);

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let days = text.parse::<u16>().ok().filter(|days| *days <= MOST_DAYS);
        days.map(Self)
            .ok_or_else(|| format!("a whole number of days from 0 to {MOST_DAYS} is allowed"))
    }
}

struct QueueTimeout(Duration);

impl FromStr for QueueTimeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let milliseconds = text.parse::<u64>().ok().filter(|given| *given <= MOST_MILLISECONDS);
        milliseconds
            .map(|given| Self(Duration::from_millis(given)))
            .ok_or_else(|| format!("a whole number of milliseconds from 0 to {MOST_MILLISECONDS} is allowed"))
    }
}

struct Bound(NonZeroUsize);

impl FromStr for Bound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse::<NonZeroUsize>().ok().filter(|number| number.get() <= MOST);
        number.map(Self).ok_or_else(|| WHOLE_NUMBER.to_owned())
    }
}

#[cfg(test)]
mod tests;
