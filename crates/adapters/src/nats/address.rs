//! Addresses of streams.

use std::fmt;
use std::str::FromStr;

use crate::broker::{AddressError, BrokerAddress, Scheme};

const SCHEME: Scheme = Scheme {
    plain: "nats",
    encrypted: "tls",
    both: "nats:// or tls://",
    port: 4222,
};

/// The longest name of a stream, in bytes: the server's own bound.
const MAX_STREAM_NAME: usize = 255;

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
        let replicas = broker.take_parameter("replicas", "1, 3 or 5", |text| match text {
            "1" => Some(1),
            "3" => Some(3),
            "5" => Some(5),
            _ => None,
        })?;
        broker.no_more_parameters()?;
        let stream = std::mem::take(&mut broker.path);
        if !is_stream_name(&stream) {
            return Err(AddressError::Path(
                "the name of a stream: at most 255 bytes, without white space and any of . * > / \\",
            ));
        }
        Ok(Self {
            broker,
            stream,
            replicas: replicas.unwrap_or(1),
        })
    }
}

fn is_stream_name(name: &str) -> bool {
    let is_forbidden =
        |char: char| char.is_whitespace() || char.is_control() || matches!(char, '.' | '*' | '>' | '/' | '\\');
    !name.is_empty() && name.len() <= MAX_STREAM_NAME && !name.contains(is_forbidden)
}

impl NatsAddress {
    /// What the addresses of its servers begin with.
    pub(super) const fn scheme(&self) -> &'static str {
        if self.broker.is_encrypted {
            SCHEME.encrypted
        } else {
            SCHEME.plain
        }
    }
}

impl fmt::Display for NatsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme())?;
        for (index, host) in self.broker.hosts.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{host}")?;
        }
        write!(f, "/{}", self.stream)
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
