//! The URLs of the sinks that events go to.

use std::fmt;
use std::str::FromStr;

use super::secrets::SecretUrl;

/// Which kind of sink it is. The scheme says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SinkKind {
    /// NATS JetStream.
    Nats,
    /// Redis Streams.
    Redis,
    /// An HTTP endpoint.
    Webhook,
    /// The log of the service.
    Log,
}

const ALLOWED: &str =
    "nats://HOST:PORT/STREAM, redis://HOST:PORT, https://HOST/PATH and log: are allowed, separated by commas";

impl SinkKind {
    fn of(scheme: &str) -> Option<Self> {
        match scheme {
            "nats" | "tls" => Some(Self::Nats),
            "redis" | "rediss" => Some(Self::Redis),
            "http" | "https" => Some(Self::Webhook),
            "log" => Some(Self::Log),
            _ => None,
        }
    }
}

/// One sink.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SinkUrl {
    pub(crate) kind: SinkKind,
    /// The whole URL. It may have a password in it, or a token among its parameters.
    pub(crate) url: SecretUrl,
}

impl SinkUrl {
    /// The URL without what may be secret: without a user and without parameters.
    fn public(&self) -> String {
        public_part(self.url.expose())
    }
}

fn public_part(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return "log".to_owned();
    };
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    format!("{scheme}://{hosts}{}", path.trim_end_matches('/'))
}

impl FromStr for SinkUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once(':').ok_or(ALLOWED)?;
        let kind = SinkKind::of(scheme).ok_or(ALLOWED)?;
        let is_log = kind == SinkKind::Log;
        let is_whole = if is_log {
            rest.is_empty()
        } else {
            rest.starts_with("//") && rest.len() > 2
        };
        if !is_whole || text.chars().any(|char| char.is_whitespace() || char.is_control()) {
            return Err(ALLOWED.to_owned());
        }
        Ok(Self {
            kind,
            url: SecretUrl::new(text),
        })
    }
}

impl fmt::Debug for SinkUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SinkUrl({})", self.public())
    }
}

/// A list of sinks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SinkUrls(pub(crate) Vec<SinkUrl>);

/// The URLs of a list. Several hosts of one URL are separated by commas too: what does not begin with a scheme belongs to
/// the URL before it.
fn split(text: &str) -> Vec<String> {
    let mut urls: Vec<String> = Vec::new();
    for part in text.split(',').map(str::trim) {
        let begins = part
            .split_once(':')
            .is_some_and(|(scheme, _)| SinkKind::of(scheme).is_some());
        match urls.last_mut() {
            Some(last) if !begins => {
                last.push(',');
                last.push_str(part);
            }
            _ if part.is_empty() => {}
            _ => urls.push(part.to_owned()),
        }
    }
    urls
}

/// A list of URLs as it is shown: without anything that may be secret.
pub(super) fn masked_list(text: &str) -> String {
    let shown = split(text).into_iter().map(|url| {
        let name = public_part(&url);
        match (url.contains("://"), url.contains('@') || url.contains('?')) {
            (false, _) => url,
            (true, false) => name,
            // That there is more.
            (true, true) => format!("{name} (***)"),
        }
    });
    shown.collect::<Vec<_>>().join(",")
}

impl FromStr for SinkUrls {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut sinks: Vec<SinkUrl> = Vec::new();
        for url in split(text) {
            sinks.push(url.parse()?);
        }
        Ok(Self(sinks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str) -> Result<Vec<SinkKind>, String> {
        text.parse::<SinkUrls>()
            .map(|urls| urls.0.iter().map(|sink| sink.kind).collect())
    }

    #[test]
    fn the_scheme_chooses_the_sink() {
        use SinkKind::{Log, Nats, Redis, Webhook};
        assert_eq!(kinds(""), Ok(vec![]));
        assert_eq!(
            kinds("nats://a:4222/EVENTS, redis://b, https://c/hook,log:"),
            Ok(vec![Nats, Redis, Webhook, Log])
        );
        for bad in ["kafka://a", "nats:", "nats://", "log:x", "a,b", "https:/a"] {
            assert!(kinds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn several_hosts_are_one_sink() {
        let urls: SinkUrls = "nats://a:4222,b:4222,c/EVENTS,log:".parse().expect("two sinks");
        assert_eq!(urls.0.len(), 2);
        assert_eq!(urls.0[0].public(), "nats://a:4222,b:4222,c/EVENTS");
    }

    #[test]
    fn nothing_secret_is_shown() {
        let text = "nats://me:s3cret@a/EVENTS,https://hook.example/in?token=s3cret#s3cret,log:";
        let urls: SinkUrls = text.parse().expect("three sinks");
        let names: Vec<String> = urls.0.iter().map(SinkUrl::public).collect();
        assert_eq!(names, ["nats://a/EVENTS", "https://hook.example/in", "log"]);
        assert!(!format!("{urls:?} {}", masked_list(text)).contains("s3cret"));
    }
}
