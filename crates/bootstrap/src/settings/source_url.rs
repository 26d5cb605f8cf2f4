//! The URLs of the sources that commands come from.

use super::url_list::{ListedUrl, UrlKind};

/// Which kind of source it is. The scheme says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SourceKind {
    /// NATS JetStream.
    Nats,
    /// Redis Streams, with the book's channel.
    Redis,
}

impl UrlKind for SourceKind {
    const ALLOWED: &'static str = "nats://HOST:PORT/STREAM and redis://HOST:PORT are allowed, separated by commas";

    fn of(scheme: &str) -> Option<Self> {
        match scheme {
            "nats" | "tls" => Some(Self::Nats),
            "redis" | "rediss" => Some(Self::Redis),
            _ => None,
        }
    }
}

/// One source.
pub(crate) type SourceUrl = ListedUrl<SourceKind>;

#[cfg(test)]
mod tests {
    use super::super::url_list::ListedUrls;
    use super::*;

    #[test]
    fn the_scheme_chooses_the_source() {
        let kinds = |text: &str| {
            let urls: Result<ListedUrls<SourceKind>, String> = text.parse();
            urls.map(|urls| urls.0.iter().map(|url| url.kind).collect::<Vec<_>>())
        };
        assert_eq!(
            kinds("nats://a,b/COMMANDS,rediss://b"),
            Ok(vec![SourceKind::Nats, SourceKind::Redis])
        );
        for bad in ["log:", "https://a", "nats://"] {
            assert!(kinds(bad).is_err(), "{bad}");
        }
    }
}
