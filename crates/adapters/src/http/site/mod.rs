//! Where clients reach the service: by which host names, under which path, and through what.

pub(super) mod proxies;

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use proxies::TrustedProxies;

/// Where clients reach the service. The default: by the loopback names and by address, with nothing before its paths.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Site {
    /// The host names it answers to.
    pub hosts: Hosts,
    /// The path that a proxy puts before those of the service.
    pub base_path: BasePath,
    /// The origins whose pages may read.
    pub cors_origins: CorsOrigins,
    /// The proxies that say who the client is.
    pub proxies: TrustedProxies,
    /// Whether the service encrypts its connections itself.
    pub is_encrypted: bool,
}

/// The host names that the service answers to, besides `localhost`, the names below it, and IP addresses.
///
/// A web page can make a browser send requests here under a name that the page's owner controls, by pointing the name to
/// this machine after the page was loaded (DNS rebinding). To the browser that is the page's own origin. An address
/// needs no name, so it can't be used for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts(Names);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Names {
    /// Every name.
    Any,
    /// These, in lower case, each with its port if it was given one.
    Only(Vec<String>),
}

impl Default for Hosts {
    fn default() -> Self {
        Self(Names::Only(Vec::new()))
    }
}

/// The most bytes of a host name (RFC 1035).
const MAX_NAME_BYTES: usize = 253;

impl Hosts {
    /// Whether the service answers to the host of a request, as its `Host` header has it.
    pub(crate) fn admit(&self, authority: &str) -> bool {
        let Some(host) = host_of(authority) else {
            return false;
        };
        match &self.0 {
            Names::Any => true,
            Names::Only(names) => {
                is_local(host)
                    || names
                        .iter()
                        .any(|name| host_of(name).is_some_and(|name| name.eq_ignore_ascii_case(host)))
            }
        }
    }

    /// Whether an origin, without its scheme, is one of the names: to its port.
    pub(crate) fn list(&self, authority: &str) -> bool {
        match &self.0 {
            Names::Any => false,
            Names::Only(names) => names.iter().any(|name| name.eq_ignore_ascii_case(authority)),
        }
    }
}

/// Whether a name may be told to be called encrypted for a year: not one that other services on the machine share, on
/// other ports.
pub(crate) fn may_insist(authority: &str) -> bool {
    host_of(authority).is_some_and(|host| !is_local(host))
}

/// Whether a host can't be a name that someone else controls: an address, `localhost`, or a name below it (RFC 6761).
fn is_local(host: &str) -> bool {
    const LOCALHOST: &str = "localhost";
    let below = host.len().checked_sub(LOCALHOST.len()).and_then(|at| host.get(at..));
    let is_localhost = below.is_some_and(|end| end.eq_ignore_ascii_case(LOCALHOST))
        && (host.len() == LOCALHOST.len() || host.as_bytes()[host.len() - LOCALHOST.len() - 1] == b'.');
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    is_localhost || address.parse::<IpAddr>().is_ok()
}

/// The host of `HOST` or `HOST:PORT`. `None`: it is neither.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')? + 2;
            (&authority[..end], &authority[end..])
        }
        None => match authority.find(':') {
            Some(at) => (&authority[..at], &authority[at..]),
            None => (authority, ""),
        },
    };
    let port_is_valid = port.is_empty() || port[1..].parse::<u16>().is_ok();
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_host = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b':' | b'[' | b']'));
    (port_is_valid && is_host && (1..=MAX_NAME_BYTES).contains(&host.len())).then_some(host)
}

impl FromStr for Hosts {
    type Err = String;

    /// Reads names, each with or without a port, separated by commas; or `*` for every name.
    fn from_str(text: &str) -> Result<Self, String> {
        let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
        if names == ["*"] {
            return Ok(Self(Names::Any));
        }
        if names.iter().any(|name| host_of(name).is_none()) {
            return Err(
                "host names, each with or without a port, are allowed, as in shop.example,shop.example:8443; \
                 or * for every name"
                    .to_owned(),
            );
        }
        Ok(Self(Names::Only(
            names.iter().map(|name| name.to_ascii_lowercase()).collect(),
        )))
    }
}

/// The origins whose pages may read answers in a browser, such as `https://dashboard.example`; by default none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CorsOrigins(Vec<String>);

impl CorsOrigins {
    /// Whether there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an origin, as a browser sends it, is one of them.
    pub(crate) fn list(&self, origin: &str) -> bool {
        self.0.iter().any(|listed| listed == origin)
    }
}

impl FromStr for CorsOrigins {
    type Err = String;

    /// Reads origins, separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let origins = text.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let lower = origins.map(|origin| {
            let authority = origin
                .strip_prefix("https://")
                .or_else(|| origin.strip_prefix("http://"));
            let is_origin = authority.is_some_and(|authority| host_of(authority).is_some());
            is_origin.then(|| origin.to_ascii_lowercase())
        });
        lower.collect::<Option<_>>().map(Self).ok_or_else(|| {
            "origins are allowed, each with its scheme and without a path, as in \
             https://dashboard.example,http://localhost:3000"
                .to_owned()
        })
    }
}

/// The path that a proxy puts before those of the service: empty, or it begins with a slash and does not end with one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BasePath(String);

impl BasePath {
    /// The path. Followed by a path of the service, it is a path of the proxy.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is put before the paths of the service.
    pub(crate) const fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// A path without this one before it. `None`: it has another before it, or none.
    pub(crate) fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        let rest = path.strip_prefix(self.0.as_str())?;
        match rest {
            "" => Some("/"),
            rest => rest.starts_with(['/', '?']).then_some(rest),
        }
    }
}

impl fmt::Display for BasePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BasePath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let is_segment = |segment: &str| {
            !matches!(segment, "" | "." | "..")
                && segment
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~'))
        };
        let valid = match path.strip_prefix('/') {
            Some(rest) => rest.split('/').all(is_segment),
            None => text == "/",
        };
        valid
            .then(|| Self(path.to_owned()))
            .ok_or_else(|| "a path of letters, digits and -._~ is allowed, as in /shop/stock; or / for none".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts(text: &str) -> Hosts {
        text.parse().expect("hosts")
    }

    #[test]
    fn addresses_and_loopback_names_are_always_admitted_and_other_names_only_if_they_are_listed() {
        for given in ["", "shop.example", "Shop.Example:8443,other.example"] {
            for local in [
                "localhost",
                "LocalHost:8080",
                "shop.localhost:1",
                "localhost.",
                "127.0.0.1:8080",
                "10.1.2.3",
                "[::1]:8080",
                "[fe80::1]",
            ] {
                assert!(hosts(given).admit(local), "{given}: {local}");
            }
            for foreign in [
                "evil.example",
                "evil.example:8080",
                "localhost.evil.example",
                "notlocalhost",
                "127.0.0.1.evil.example",
                "shop.example.evil.example",
                "user@localhost",
                "localhost:x",
                "localhost:99999",
                "",
                ":8080",
                "[::1",
                "[::1]x",
            ] {
                assert!(!hosts(given).admit(foreign), "{given}: {foreign}");
            }
        }
        assert!(!hosts("").admit("shop.example"));
        assert!(hosts("shop.example").admit("SHOP.example:9000"));
        assert!(hosts("shop.example:8443").admit("shop.example"));
        assert!(hosts("*").admit("evil.example"));
        assert!(!hosts("*").admit("two words"));
    }

    #[test]
    fn names_of_this_machine_and_addresses_are_not_told_to_be_encrypted_for_a_year() {
        assert!(may_insist("shop.example") && may_insist("shop.example:8443"));
        for shared in ["localhost:8443", "a.localhost", "127.0.0.1", "[::1]:8443", "", "a b"] {
            assert!(!may_insist(shared), "{shared}");
        }
    }

    #[test]
    fn an_origin_is_listed_to_its_port() {
        assert!(hosts("shop.example,shop.example:8443").list("shop.example:8443"));
        assert!(hosts("shop.example").list("Shop.Example"));
        assert!(!hosts("shop.example").list("shop.example:9000"));
        assert!(!hosts("*").list("evil.example"));
    }

    #[test]
    fn an_origin_has_a_scheme_and_no_path() {
        let origins: CorsOrigins = "https://Dashboard.example, http://localhost:3000"
            .parse()
            .expect("origins");
        assert!(origins.list("https://dashboard.example") && origins.list("http://localhost:3000"));
        for foreign in ["http://dashboard.example", "https://dashboard.example:8443", "null", ""] {
            assert!(!origins.list(foreign), "{foreign}");
        }
        for bad in [
            "*",
            "dashboard.example",
            "https://a.example/",
            "https://",
            "ftp://a.example",
            "null",
        ] {
            assert!(bad.parse::<CorsOrigins>().is_err(), "{bad}");
        }
        assert!("".parse::<CorsOrigins>().expect("none").is_empty());
    }

    #[test]
    fn what_is_no_list_of_hosts_is_refused() {
        for bad in [
            "http://shop.example",
            "shop.example/",
            "a b",
            "*,shop.example",
            "shop:port",
            "*.example",
        ] {
            assert!(bad.parse::<Hosts>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_base_path_is_put_before_a_path_and_taken_from_it() {
        for (given, path) in [("/", ""), ("/shop", "/shop"), ("/shop/", "/shop"), ("/a/b-c", "/a/b-c")] {
            assert_eq!(
                given.parse::<BasePath>().map(|base| base.to_string()),
                Ok(path.to_owned())
            );
        }
        for bad in [
            "",
            "shop",
            "//",
            "/shop//stock",
            "/../x",
            "/a b",
            "/shop?x",
            "http://x/",
        ] {
            assert!(bad.parse::<BasePath>().is_err(), "{bad}");
        }
        let base: BasePath = "/shop".parse().expect("a path");
        assert_eq!(base.strip("/shop/v1/orders?x=/shop"), Some("/v1/orders?x=/shop"));
        assert_eq!(base.strip("/shop"), Some("/"));
        assert_eq!(base.strip("/shop?x"), Some("?x"));
        assert_eq!(base.strip("/shopping"), None);
        assert_eq!(base.strip("/v1/shop"), None);
    }

    proptest! {
        #[test]
        fn any_host_is_admitted_or_not(host in "\\PC{0,24}") {
            let _ = hosts("shop.example").admit(&host);
        }
    }
}
