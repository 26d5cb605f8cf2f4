//! Proxies that the operator trusts, and what they say of a client: from where it comes, and how it is connected.
//!
//! Anybody can send `X-Forwarded-For`. So it is believed from a trusted proxy alone, and of what the proxy sends only what
//! trusted proxies have added: the list is read from its end, each address being that of whom the proxy behind it was
//! connected to, until one that is not a trusted proxy. What stands before that may be invented.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, X_FORWARDED_FOR, X_FORWARDED_PROTO};
use ipnet::IpNet;

/// The proxies that are trusted. The default: none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

/// A client, as far as the service or a trusted proxy can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    /// Its address. `None`: the connection has none any more.
    pub(crate) address: Option<IpAddr>,
    /// Whether it is known that what it sends is encrypted on the way to the first proxy, or to the service.
    pub(crate) is_encrypted: bool,
}

impl TrustedProxies {
    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client that has sent a request with these headers over a connection with `peer`.
    pub(crate) fn client(&self, peer: Option<SocketAddr>, is_encrypted: bool, headers: &HeaderMap) -> Client {
        let Some(peer) = peer.map(|peer| peer.ip().to_canonical()) else {
            return Client {
                address: None,
                is_encrypted,
            };
        };
        if !self.trust(peer) {
            return Client {
                address: Some(peer),
                is_encrypted,
            };
        }
        Client {
            address: Some(self.client_address(peer, headers)),
            is_encrypted: scheme(headers).map_or(is_encrypted, |scheme| scheme.eq_ignore_ascii_case("https")),
        }
    }

    /// The address of the client behind a trusted proxy.
    ///
    /// A proxy writes one of the two headers and passes on the other as the client has sent it. Nobody can tell which. So
    /// if they do not agree, neither is believed.
    fn client_address(&self, proxy: IpAddr, headers: &HeaderMap) -> IpAddr {
        let usual = items(headers, &X_FORWARDED_FOR).map(|item| self.last_untrusted(proxy, item.into_iter()));
        let standard = items(headers, &FORWARDED).map(|items| {
            let hops = items.into_iter().map(|item| parameter(item, "for").unwrap_or_default());
            self.last_untrusted(proxy, hops)
        });
        match (usual, standard) {
            (Some(usual), Some(standard)) if usual != standard => proxy,
            (Some(address), _) | (None, Some(address)) => address,
            (None, None) => proxy,
        }
    }

    /// The last hop that is not a trusted proxy. A hop that is no address ends the search at the proxy that has named it.
    fn last_untrusted<'a>(&self, proxy: IpAddr, hops: impl DoubleEndedIterator<Item = &'a str>) -> IpAddr {
        let mut nearest = proxy;
        for hop in hops.rev() {
            let Some(address) = address(hop) else {
                return nearest;
            };
            nearest = address;
            if !self.trust(address) {
                return nearest;
            }
        }
        nearest
    }
}

/// How the client is connected to the last proxy that says so.
fn scheme(headers: &HeaderMap) -> Option<&str> {
    let last = |name| items(headers, name).and_then(|items| items.last().copied());
    last(&X_FORWARDED_PROTO).or_else(|| last(&FORWARDED).and_then(|item| parameter(item, "proto")))
}

/// The items of a header that is a list, whose lines are one list. `None`: there is no such header. An item that is not
/// text is an empty one.
fn items<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Vec<&'a str>> {
    let lines = headers.get_all(name).map(|line| line.to_str().unwrap_or_default());
    let items: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    (!items.is_empty()).then_some(items)
}

/// A parameter of an item of `Forwarded` (RFC 7239), without its quotation marks. An address needs no escapes, and has no
/// comma and no semicolon; what is quoted otherwise is none.
fn parameter<'a>(item: &'a str, wanted: &str) -> Option<&'a str> {
    let mut parameters = item.split(';').filter_map(|parameter| parameter.trim().split_once('='));
    let (_, value) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted))?;
    let value = value.trim();
    let unquoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
    Some(unquoted.unwrap_or(value))
}

/// The address of a hop: with or without a port, of version 6 with or without brackets.
fn address(hop: &str) -> Option<IpAddr> {
    let address = if let Ok(address) = hop.parse::<IpAddr>() {
        address
    } else if let Ok(socket) = hop.parse::<SocketAddr>() {
        socket.ip()
    } else {
        IpAddr::V6(hop.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?)
    };
    Some(address.to_canonical())
}

impl FromStr for TrustedProxies {
    type Err = String;

    /// Reads addresses and networks, separated by commas.
    fn from_str(text: &str) -> Result<Self, String> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        let networks: Option<Vec<IpNet>> = words.map(network).collect();
        networks.map(Self).ok_or_else(|| {
            "addresses and networks are allowed, separated by commas, as in 10.0.0.5,192.168.7.0/24,fd00::/8".to_owned()
        })
    }
}

fn network(word: &str) -> Option<IpNet> {
    match word.parse::<IpNet>() {
        Ok(network) => Some(network.trunc()),
        Err(_) => word.parse::<IpAddr>().ok().map(|address| address.to_canonical().into()),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const PROXIES: &str = "10.0.0.5, 192.168.7.0/24,fd00::/8";

    fn origin(peer: &str, is_encrypted: bool, headers: &[(&'static str, &str)]) -> Client {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a header's value");
            map.append(HeaderName::from_static(name), value);
        }
        let proxies: TrustedProxies = PROXIES.parse().expect("proxies");
        let peer = SocketAddr::new(peer.parse().expect("an address"), 4_711);
        proxies.client(Some(peer), is_encrypted, &map)
    }

    fn client(peer: &str, headers: &[(&'static str, &str)]) -> String {
        origin(peer, false, headers).address.expect("an address").to_string()
    }

    #[test]
    fn nobody_but_a_trusted_proxy_can_say_who_the_client_is() {
        for headers in [
            &[("x-forwarded-for", "203.0.113.9")][..],
            &[("forwarded", "for=203.0.113.9;proto=https")],
            &[("x-forwarded-for", "203.0.113.9"), ("x-forwarded-proto", "https")],
        ] {
            for peer in ["198.51.100.1", "10.0.0.6", "192.168.8.1", "2001:db8::1"] {
                assert_eq!(client(peer, headers), peer, "{headers:?}");
                assert!(!origin(peer, false, headers).is_encrypted, "{headers:?}");
            }
        }
        let none = TrustedProxies::default();
        assert!(!none.trust(IpAddr::from([127, 0, 0, 1])));
    }

    #[test]
    fn the_client_is_the_last_hop_that_is_not_a_trusted_proxy() {
        for (given, expected) in [
            ("203.0.113.9", "203.0.113.9"),
            // Invented by the client, and left in place by the proxy.
            ("127.0.0.1, 203.0.113.9", "203.0.113.9"),
            ("10.0.0.5, 203.0.113.9", "203.0.113.9"),
            // Through two proxies.
            ("1.2.3.4, 203.0.113.9, 192.168.7.3", "203.0.113.9"),
            ("203.0.113.9,fd00::1,192.168.7.3", "203.0.113.9"),
            // From a proxy itself.
            ("192.168.7.4, 192.168.7.3", "192.168.7.4"),
            // With a port, in brackets, and as it looks to a socket of version 6.
            ("203.0.113.9:5000", "203.0.113.9"),
            ("2001:db8::9", "2001:db8::9"),
            ("[2001:db8::9]", "2001:db8::9"),
            ("[2001:db8::9]:5000", "2001:db8::9"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("203.0.113.9, ::ffff:192.168.7.3", "203.0.113.9"),
            // No address: who named it is as far as one sees.
            ("unknown", "10.0.0.5"),
            ("", "10.0.0.5"),
            ("203.0.113.9,", "10.0.0.5"),
            ("203.0.113.9, unknown, 192.168.7.3", "192.168.7.3"),
            ("203.0.113.999", "10.0.0.5"),
            ("203.0.113.9:99999", "10.0.0.5"),
            ("[203.0.113.9]", "10.0.0.5"),
            ("\"203.0.113.9\"", "10.0.0.5"),
            ("203.0.113.9 1.2.3.4", "10.0.0.5"),
            ("\u{fc}", "10.0.0.5"),
        ] {
            assert_eq!(client("10.0.0.5", &[("x-forwarded-for", given)]), expected, "{given}");
        }
        let two_lines = [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-for", "203.0.113.9")];
        assert_eq!(client("10.0.0.5", &two_lines), "203.0.113.9");
        assert_eq!(client("10.0.0.5", &[]), "10.0.0.5");
        assert_eq!(
            client("::ffff:10.0.0.5", &[("x-forwarded-for", "203.0.113.9")]),
            "203.0.113.9"
        );
    }

    #[test]
    fn the_standard_header_is_read_the_same_way() {
        for (given, expected) in [
            ("for=203.0.113.9", "203.0.113.9"),
            ("For=\"203.0.113.9:5000\";proto=https;by=10.0.0.5", "203.0.113.9"),
            ("proto=http; for=\"[2001:db8::9]:5000\"", "2001:db8::9"),
            ("for=1.2.3.4, for=203.0.113.9, for=192.168.7.3", "203.0.113.9"),
            ("for=203.0.113.9, for=_hidden", "10.0.0.5"),
            ("for=203.0.113.9, proto=https", "10.0.0.5"),
            ("for=\"203.0.113.9", "10.0.0.5"),
            ("203.0.113.9", "10.0.0.5"),
        ] {
            assert_eq!(client("10.0.0.5", &[("forwarded", given)]), expected, "{given}");
        }
    }

    #[test]
    fn two_headers_that_do_not_agree_are_both_not_believed() {
        let both = |usual, standard| client("10.0.0.5", &[("x-forwarded-for", usual), ("forwarded", standard)]);
        assert_eq!(both("203.0.113.9", "for=203.0.113.9"), "203.0.113.9");
        assert_eq!(both("203.0.113.9", "for=1.2.3.4"), "10.0.0.5");
        assert_eq!(both("1.2.3.4", "for=203.0.113.9"), "10.0.0.5");
    }

    #[test]
    fn a_trusted_proxy_says_whether_the_client_is_connected_encrypted() {
        let is_encrypted = |own, headers: &[(&'static str, &str)]| origin("10.0.0.5", own, headers).is_encrypted;
        assert!(is_encrypted(false, &[("x-forwarded-proto", "HTTPS")]));
        assert!(is_encrypted(false, &[("x-forwarded-proto", "http, https")]));
        assert!(is_encrypted(false, &[("forwarded", "for=203.0.113.9;proto=https")]));
        assert!(is_encrypted(true, &[]));
        for given in ["http", "https, http", "", "httpss", "ftp"] {
            assert!(!is_encrypted(true, &[("x-forwarded-proto", given)]), "{given}");
        }
        assert!(!is_encrypted(false, &[]));
    }

    #[test]
    fn what_is_no_list_of_networks_is_refused() {
        for bad in [
            "proxy.example",
            "10.0.0.0/33",
            "10.0.0",
            "*",
            "10.0.0.5:80",
            "fd00::/129",
            "10.0.0.5 10.0.0.6",
        ] {
            assert!(bad.parse::<TrustedProxies>().is_err(), "{bad}");
        }
        for good in ["", "10.0.0.5", "10.1.2.3/8", "::1", "fd00::/8 , 127.0.0.1"] {
            assert!(good.parse::<TrustedProxies>().is_ok(), "{good}");
        }
    }

    proptest! {
        #[test]
        fn any_header_names_a_client_or_none(text in "[ -~]{0,40}") {
            let _ = origin("10.0.0.5", false, &[("x-forwarded-for", &text), ("forwarded", &text)]);
        }
    }
}
