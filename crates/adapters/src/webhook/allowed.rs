//! The hosts that webhooks may go to although they are not public.

use std::net::IpAddr;

use ipnet::IpNet;
use url::Host;

use super::address::special_use;
use super::error::{AddressRefused, WebhookError};

/// Hosts and networks that webhooks may go to although they are not public, and without encryption. None, unless the
/// settings name some.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedHosts {
    /// In lower case, without a final dot.
    names: Vec<String>,
    networks: Vec<IpNet>,
}

impl AllowedHosts {
    /// Reads the entries of a setting: addresses, networks such as `10.0.0.0/8`, and names of hosts. A name stands for
    /// whatever address it has at the time, and not for the names below it.
    ///
    /// # Errors
    /// [`WebhookError::Allowed`] for an entry that is none of these.
    pub fn parse<'a>(entries: impl IntoIterator<Item = &'a str>) -> Result<Self, WebhookError> {
        let mut allowed = Self::default();
        for entry in entries {
            let unreadable = || WebhookError::Allowed(entry.to_owned());
            let network = entry
                .parse::<IpNet>()
                .or_else(|_| entry.parse::<IpAddr>().map(IpNet::from));
            match network {
                // Addresses are compared as those of IPv4: such a network would never be met.
                Ok(IpNet::V6(network)) if network.network().to_ipv4_mapped().is_some() => return Err(unreadable()),
                Ok(network) => allowed.networks.push(network),
                Err(_) => match Host::parse(entry).map_err(|_| unreadable())? {
                    Host::Domain(name) => allowed.names.push(without_dot(&name).to_owned()),
                    Host::Ipv4(address) => allowed.networks.push(IpAddr::from(address).into()),
                    Host::Ipv6(address) => allowed.networks.push(IpAddr::from(address).into()),
                },
            }
        }
        Ok(allowed)
    }

    /// Whether a host of this name can be spoken to without encryption, if it has the right address.
    pub(super) fn may_be_plain(&self, name: &str) -> bool {
        self.has_name(name) || !self.networks.is_empty()
    }

    /// Checks an address that a host has.
    ///
    /// # Errors
    /// [`AddressRefused`].
    pub(super) fn check(&self, host: &str, address: IpAddr, is_encrypted: bool) -> Result<(), AddressRefused> {
        let address = address.to_canonical();
        if self.has_name(host) || self.networks.iter().any(|network| network.contains(&address)) {
            return Ok(());
        }
        let host = host.to_owned();
        if !is_encrypted {
            return Err(AddressRefused::NotEncrypted { host, address });
        }
        special_use(address).map_or(Ok(()), |what| Err(AddressRefused::NotPublic { host, address, what }))
    }

    fn has_name(&self, host: &str) -> bool {
        self.names.iter().any(|name| name == without_dot(host))
    }
}

/// A name is the same with a final dot, which says that nothing is to be appended to it.
fn without_dot(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_allowed(entry: &str, host: &str, address: &str) -> bool {
        let allowed = AllowedHosts::parse([entry]).expect("an entry");
        let address = address.parse().expect("an address");
        allowed.check(host, address, false).is_ok() && allowed.check(host, address, true).is_ok()
    }

    #[test]
    fn an_entry_allows_what_it_names_and_nothing_beside_it() {
        for (entry, host, address) in [
            ("10.1.0.0/16", "hook", "10.1.2.3"),
            ("10.1.0.0/16", "hook", "::ffff:10.1.2.3"),
            ("10.1.2.3", "hook", "10.1.2.3"),
            ("127.1", "hook", "127.0.0.1"),
            ("[fd00::1]", "hook", "fd00::1"),
            ("fd00::/8", "hook", "fd12::1"),
            ("Hook.Internal.", "hook.internal", "10.1.2.3"),
            ("hook.internal", "hook.internal.", "169.254.169.254"),
        ] {
            assert!(is_allowed(entry, host, address), "{entry} allows {address} of {host}");
        }
        for (entry, host, address) in [
            ("10.1.0.0/16", "hook", "10.2.0.1"),
            ("10.1.0.0/16", "hook", "64:ff9b::10.1.2.3"),
            ("10.1.0.0/16", "hook", "8.8.8.8"),
            ("hook.internal", "a.hook.internal", "10.1.2.3"),
            ("hook.internal", "hook.internal.evil.example", "10.1.2.3"),
        ] {
            assert!(
                !is_allowed(entry, host, address),
                "{entry} does not allow {address} of {host}"
            );
        }
    }

    #[test]
    fn an_entry_that_could_never_be_met_is_refused() {
        for entry in [
            "",
            "10.0.0.0/33",
            "hook internal",
            "::ffff:10.0.0.0/104",
            "http://hook",
            "hook:80",
        ] {
            assert_eq!(
                AllowedHosts::parse([entry]),
                Err(WebhookError::Allowed(entry.to_owned()))
            );
        }
    }
}
