//! Values: the types of the settings, parsed from text. A parse error says what is allowed.

use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::secrets::Secret;
use earmark_application::AfterRefusal;
use earmark_domain::Improve;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use tracing_subscriber::EnvFilter;

/// The highest count of lanes, connections, places in a queue and commands in a group. A higher number is a typing
/// error: queues of that length waste memory and save no work.
pub(super) const MAX_COUNT: usize = 1_000_000;

/// The most threads of the engine's runtime: more than the processors of any machine it is likely to run on.
pub(super) const MAX_THREADS: usize = 256;

/// The most days of grace: ten years, after which no delivery is expected any more.
const MAX_DAYS: u16 = 3_650;

/// The longest wait for a place in a queue, in milliseconds: a minute, after which most callers have hung up.
const MAX_MILLISECONDS: u64 = 60_000;

/// An address to listen on: `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listen(String);

impl Listen {
    /// The socket addresses of the host.
    ///
    /// # Errors
    /// When the name can't be resolved.
    pub(crate) fn resolve(&self) -> std::io::Result<Vec<SocketAddr>> {
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

/// The path of a file.
pub(super) struct FilePath(pub(super) PathBuf);

impl FromStr for FilePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_path = !text.trim().is_empty();
        is_path
            .then(|| Self(PathBuf::from(text)))
            .ok_or_else(|| "the path of a file is allowed, as in /etc/earmark/tls.pem".to_owned())
    }
}

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Pretty on a terminal, JSON otherwise.
    Auto,
    /// Text for reading.
    Pretty,
    /// One JSON object a line.
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

/// What is logged, in the syntax of `RUST_LOG`. The text is known to be valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFilter(String);

impl LogFilter {
    /// The filter for the log.
    pub(crate) fn filter(&self) -> EnvFilter {
        EnvFilter::new(&self.0)
    }
}

impl FromStr for LogFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = "error, warn, info, debug, trace, off, or a list such as info,earmark=debug are allowed";
        // The filter takes a word that is not a level for a module's name, and then logs almost nothing.
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

/// `true` or `false`.
pub(super) struct Switch(pub(super) bool);

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse()
            .map(Self)
            .map_err(|_| "true and false are allowed".to_owned())
    }
}

/// For how many days an overdue batch is offered; `off`: always.
pub(super) struct GraceDays(pub(super) Option<u16>);

impl FromStr for GraceDays {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let days = text.parse::<u16>().ok().filter(|days| *days <= MAX_DAYS);
        days.map(|days| Self(Some(days)))
            .ok_or_else(|| format!("a whole number of days from 0 to {MAX_DAYS}, or off, is allowed"))
    }
}

/// Whose day it is: the name of a time zone in the IANA database.
pub(super) struct Zone(pub(super) TimeZone);

impl FromStr for Zone {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // From the database that is built in, so that every machine knows the same zones.
        let zone = TimeZoneDatabase::bundled().get(text);
        zone.map(Self)
            .map_err(|_| "the name of a time zone is allowed, such as Europe/Vienna or UTC".to_owned())
    }
}

/// Which lines move to better stock.
pub(super) struct ImproveWord(pub(super) Improve);

impl FromStr for ImproveWord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let word = Improve::parse(text).map(Self);
        word.ok_or_else(|| "off, at_risk, all are allowed".to_owned())
    }
}

/// Whether the events of a product wait behind one that was not taken.
pub(super) struct AfterRefusalWord(pub(super) AfterRefusal);

impl FromStr for AfterRefusalWord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "wait" => Ok(Self(AfterRefusal::Wait)),
            "follow" => Ok(Self(AfterRefusal::Follow)),
            _ => Err("wait and follow are allowed".to_owned()),
        }
    }
}

/// Words, separated by commas.
#[derive(Default)]
pub(super) struct Words(pub(super) Vec<String>);

impl FromStr for Words {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        Ok(Self(words.map(str::to_owned).collect()))
    }
}

/// Secrets, separated by commas.
#[derive(Default)]
pub(super) struct Secrets(pub(super) Vec<Secret>);

impl FromStr for Secrets {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Words = text.parse()?;
        Ok(Self(words.0.iter().map(|word| Secret::new(word)).collect()))
    }
}

/// How long a caller waits for a place in a full queue.
pub(super) struct QueueTimeout(pub(super) Duration);

impl FromStr for QueueTimeout {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let milliseconds = text.parse::<u64>().ok().filter(|given| *given <= MAX_MILLISECONDS);
        milliseconds
            .map(|given| Self(Duration::from_millis(given)))
            .ok_or_else(|| format!("a whole number of milliseconds from 0 to {MAX_MILLISECONDS} is allowed"))
    }
}

/// A number from 1 to `MAX`.
pub(super) struct Count<const MAX: usize>(pub(super) NonZeroUsize);

impl<const MAX: usize> FromStr for Count<MAX> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.parse::<NonZeroUsize>().ok().filter(|number| number.get() <= MAX);
        number
            .map(Self)
            .ok_or_else(|| format!("a whole number from 1 to {MAX} is allowed"))
    }
}
