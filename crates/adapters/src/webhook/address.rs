//! Addresses that are not public: those of this machine, of the network around it, and those that nobody has.
//!
//! Whoever may set the URL of a webhook could otherwise have the service call what only the service can reach: the
//! database's host, a router's pages, the metadata of a cloud's machine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(a: u16, b: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, 0, 0, 0, 0, 0, 0), prefix)
}

/// IANA's registry of special-purpose IPv4 addresses, and what else is not reached through the internet.
const SPECIAL_V4: [(Ipv4Net, &str); 18] = [
    (v4(0, 0, 0, 0, 8), "this machine"),
    (v4(10, 0, 0, 0, 8), "private"),
    (v4(100, 64, 0, 0, 10), "within a provider's network"),
    (v4(127, 0, 0, 0, 8), "this machine"),
    (v4(169, 254, 0, 0, 16), "of the local link"),
    (v4(172, 16, 0, 0, 12), "private"),
    (v4(192, 0, 0, 0, 24), "reserved for protocols"),
    (v4(192, 0, 2, 0, 24), "for documentation"),
    (v4(192, 31, 196, 0, 24), "reserved for protocols"),
    (v4(192, 52, 193, 0, 24), "reserved for protocols"),
    (v4(192, 88, 99, 0, 24), "a relay to IPv6"),
    (v4(192, 168, 0, 0, 16), "private"),
    (v4(192, 175, 48, 0, 24), "reserved for protocols"),
    (v4(198, 18, 0, 0, 15), "for benchmarks"),
    (v4(198, 51, 100, 0, 24), "for documentation"),
    (v4(203, 0, 113, 0, 24), "for documentation"),
    (v4(224, 0, 0, 0, 4), "of a group of machines"),
    // With the broadcast address.
    (v4(240, 0, 0, 0, 4), "reserved"),
];

/// Looks public, and is answered by the platform to the machines of Azure alone.
const AZURE_PLATFORM: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// The IPv6 addresses that are given to machines on the internet.
const GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 3);

/// IANA's registry of special-purpose IPv6 addresses, as far as they are among [`GLOBAL_UNICAST`]. Those that lead to
/// an IPv4 address through a tunnel (6to4, Teredo) are refused whole: nobody has a webhook there.
const SPECIAL_V6: [(Ipv6Net, &str); 4] = [
    (v6(0x2001, 0, 23), "reserved for protocols"),
    (v6(0x2001, 0xdb8, 32), "for documentation"),
    (v6(0x2002, 0, 16), "a tunnel to IPv4"),
    (v6(0x3fff, 0, 20), "for documentation"),
];

/// The IPv4 addresses, as a network that has IPv6 alone sees them (NAT64). Its resolver makes such addresses of all
/// names that have none of IPv6, so they count as the address that is in them.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 96);

/// What an address is for, unless it is a public one.
pub(super) fn special_use(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => special_use_v4(address),
        IpAddr::V6(address) => special_use_v6(address),
    }
}

fn special_use_v4(address: Ipv4Addr) -> Option<&'static str> {
    if address == AZURE_PLATFORM {
        return Some("of a cloud's platform");
    }
    let found = SPECIAL_V4.iter().find(|(network, _)| network.contains(&address));
    found.map(|(_, what)| *what)
}

fn special_use_v6(address: Ipv6Addr) -> Option<&'static str> {
    if NAT64.contains(&address) {
        let [.., a, b, c, d] = address.octets();
        return special_use_v4(Ipv4Addr::new(a, b, c, d));
    }
    if !GLOBAL_UNICAST.contains(&address) {
        return Some("not public");
    }
    let found = SPECIAL_V6.iter().find(|(network, _)| network.contains(&address));
    found.map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_public(address: &str) -> bool {
        special_use(address.parse().expect("an address")).is_none()
    }

    #[test]
    fn no_network_is_public_at_either_end() {
        for (network, _) in SPECIAL_V4 {
            for end in [network.network(), network.broadcast()] {
                assert!(special_use(end.into()).is_some(), "{end}");
                assert!(special_use(end.to_ipv6_mapped().into()).is_some(), "mapped {end}");
                assert!(
                    special_use(end.to_ipv6_compatible().into()).is_some(),
                    "compatible {end}"
                );
                let nat64 = Ipv6Addr::from(u128::from(NAT64.network()) | u128::from(u32::from(end)));
                assert!(special_use(nat64.into()).is_some(), "{nat64}");
            }
        }
        for (network, _) in SPECIAL_V6 {
            for end in [network.network(), network.broadcast()] {
                assert!(special_use(end.into()).is_some(), "{end}");
            }
        }
    }

    #[test]
    fn addresses_beside_the_special_networks_are_public() {
        for address in [
            "1.0.0.0",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2001:200::1",
            "2606:4700::1111",
            "2a00:1450:4001:82a::200e",
        ] {
            assert!(is_public(address), "{address}");
        }
    }

    #[test]
    fn what_leads_inside_from_ipv6_is_not_public() {
        for address in [
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:0:127.0.0.1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::8.8.8.8",
            "100::1",
            "2001::7f00:1",
            "2001:db8::1",
            "2002:7f00:1::",
            "2002:808:808::1",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "168.63.129.16",
            "255.255.255.255",
        ] {
            assert!(!is_public(address), "{address}");
        }
    }
}
