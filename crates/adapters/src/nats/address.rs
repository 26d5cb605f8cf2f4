//! Addresses of streams.

use std::fmt;
use std::str::FromStr;

use crate::broker::{AddressError, BrokerAddress, Scheme};

pub(super) const SCHEME: Scheme = Scheme {
    plain: "nats",
    encrypted: "tls",
    both: "nats:// or tls://",
    port: 4222,
};

/// The longest name of a stream, in bytes. The server's own bound is 255; with some words around it the name is in ids of
/// messages and names of subscriptions, which have the same.
const MAX_STREAM_NAME: usize = 240;

/// The address of a stream: `nats://[user:password@]host[:port][,host[:port]…]/STREAM[?replicas=3]`, or `tls://…`.
///
/// As text it has neither the user nor the password nor the parameters, and so names the subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsAddress {
    pub(super) broker: BrokerAddress,
    pub(super) stream: String,
    /// How many servers keep a stream that is made here.
    pub(super) replicas: usize,
}

impl FromStr for NatsAddress {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        let mut broker = BrokerAddress::read(url, SCHEME)?;
        let replicas = take_replicas(&mut broker)?;
        broker.no_more_parameters()?;
        let stream = take_stream(&mut broker)?;
        Ok(Self {
            broker,
            stream,
            replicas,
        })
    }
}

/// How many servers keep a stream that is made here.
pub(super) fn take_replicas(broker: &mut BrokerAddress) -> Result<usize, AddressError> {
    let replicas = broker.take_parameter("replicas", "1, 3 or 5", |text| match text {
        "1" => Some(1),
        "3" => Some(3),
        "5" => Some(5),
        _ => None,
    })?;
    Ok(replicas.unwrap_or(1))
}

/// The name of the stream.
pub(super) fn take_stream(broker: &mut BrokerAddress) -> Result<String, AddressError> {
    let stream = std::mem::take(&mut broker.path);
    if is_stream_name(&stream) {
        return Ok(stream);
    }
    Err(AddressError::Path(
        "the name of a stream: at most 240 bytes, without white space and any of . * > / \\",
    ))
}

/// Whether a stream, or a consumer of one, can have this name.
pub(super) fn is_stream_name(name: &str) -> bool {
    let is_forbidden =
        |char: char| char.is_whitespace() || char.is_control() || matches!(char, '.' | '*' | '>' | '/' | '\\');
    !name.is_empty() && name.len() <= MAX_STREAM_NAME && !name.contains(is_forbidden)
}

/// What the addresses of servers begin with.
pub(super) const fn scheme_of(broker: &BrokerAddress) -> &'static str {
    if broker.is_encrypted {
        SCHEME.encrypted
    } else {
        SCHEME.plain
    }
}

/// Writes an address without what may be secret.
pub(super) fn write_public(f: &mut fmt::Formatter<'_>, broker: &BrokerAddress, stream: &str) -> fmt::Result {
    write!(f, "{}://", scheme_of(broker))?;
    for (index, host) in broker.hosts.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        write!(f, "{comma}{host}")?;
    }
    write!(f, "/{stream}")
}

impl fmt::Display for NatsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_public(f, &self.broker, &self.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_servers_and_a_stream() {
        let address: NatsAddress = "nats://till:secret@one,two:4333/EVENTS?replicas=3"
            .parse()
            .expect("a sound address");
        assert_eq!(
            (address.stream.as_str(), address.replicas, address.broker.is_encrypted),
            ("EVENTS", 3, false)
        );
        assert_eq!(address.to_string(), "nats://one:4222,two:4333/EVENTS");
        let encrypted: NatsAddress = "tls://[::1]/EVENTS".parse().expect("a sound address");
        assert_eq!(encrypted.to_string(), "tls://[::1]:4222/EVENTS");
        assert_eq!(encrypted.replicas, 1);
    }

    #[test]
    fn a_stream_that_can_not_be_is_refused() {
        for bad in [
            "nats://host",
            "nats://host/",
            "nats://host/a.b",
            "nats://host/a/b",
            "nats://host/a%20b",
            "nats://host/>",
            "nats://host/S?replicas=2",
            "nats://host/S?replica=3",
            "mail://host/S",
        ] {
            assert!(bad.parse::<NatsAddress>().is_err(), "{bad}");
        }
    }
}
