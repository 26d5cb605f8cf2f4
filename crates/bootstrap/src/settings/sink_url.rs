//! The URLs of the sinks that events go to.

use super::url_list::{ListedUrl, UrlKind};

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

impl UrlKind for SinkKind {
    const ALLOWED: &'static str =
        "nats://HOST:PORT/STREAM, redis://HOST:PORT, https://HOST/PATH and log: are allowed, separated by commas";

    fn of(scheme: &str) -> Option<Self> {
        match scheme {
            "nats" | "tls" => Some(Self::Nats),
            "redis" | "rediss" => Some(Self::Redis),
            "http" | "https" => Some(Self::Webhook),
            "log" => Some(Self::Log),
            _ => None,
        }
    }

    fn is_alone(self) -> bool {
        self == Self::Log
    }
}

/// One sink.
pub(crate) type SinkUrl = ListedUrl<SinkKind>;

#[cfg(test)]
mod tests {
    use super::super::url_list::{ListedUrls, masked_list};
    use super::*;

    type SinkUrls = ListedUrls<SinkKind>;

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
        assert!(!format!("{urls:?} {}", masked_list::<SinkKind>(text)).contains("s3cret"));
    }
}
