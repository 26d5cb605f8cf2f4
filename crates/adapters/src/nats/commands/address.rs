//! Addresses of the streams that commands come from.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use earmark_application::{Principal, SourceName};

use super::super::address::{SCHEME, is_stream_name, take_replicas, take_stream, write_public};
use crate::broker::incoming::take_ack_wait;
use crate::broker::rights::Rights;
use crate::broker::{AddressError, BrokerAddress};

/// The consumer of an address that names none.
const DEFAULT_DURABLE: &str = "earmark";

/// The address of a stream that commands come from:
/// `nats://[user:password@]host[:port][,host[:port]…]/STREAM[?durable=earmark&replicas=3&ack_wait=30]`, or `tls://…`,
/// with what its messages may do: `roles=sales,warehouse&orders_with_prefix=…&skus_with_prefix=…`.
///
/// As text it has neither the user nor the password nor the parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NatsCommandsAddress {
    pub(super) broker: BrokerAddress,
    pub(super) stream: String,
    source: SourceName,
    rights: Rights,
    /// The name of the consumer, which all instances share.
    pub(super) durable: String,
    /// How many servers keep a stream that is made here.
    pub(super) replicas: usize,
    /// For how long a consumer that is made here waits for an acknowledgement until it delivers again.
    pub(super) ack_wait: Duration,
}

impl FromStr for NatsCommandsAddress {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        let mut broker = BrokerAddress::read(url, SCHEME)?;
        let durable = broker.take_parameter(
            "durable",
            "the name of a consumer: without white space and any of . * > / \\",
            |text| is_stream_name(text).then(|| text.to_owned()),
        )?;
        let replicas = take_replicas(&mut broker)?;
        let ack_wait = take_ack_wait(&mut broker)?;
        let rights = Rights::take(&mut broker)?;
        broker.no_more_parameters()?;
        let stream = take_stream(&mut broker)?;
        let source = SourceName::of("nats", &stream).ok_or(AddressError::Path(
            "the name of a stream: for commands it has at most 195 characters",
        ))?;
        Ok(Self {
            broker,
            stream,
            source,
            rights,
            durable: durable.unwrap_or_else(|| DEFAULT_DURABLE.to_owned()),
            replicas,
            ack_wait,
        })
    }
}

impl NatsCommandsAddress {
    /// The name of the source: what the ids of its messages name, wherever its servers are.
    #[must_use]
    pub const fn source(&self) -> &SourceName {
        &self.source
    }

    /// Whom its messages stand for.
    #[must_use]
    pub fn principal(&self) -> Principal {
        self.rights.principal(&self.source)
    }
}

impl fmt::Display for NatsCommandsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_public(f, &self.broker, &self.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_servers_a_stream_and_a_consumer() {
        let address: NatsCommandsAddress =
            "nats://till:secret@one,two:4333/COMMANDS?durable=desk&replicas=3&ack_wait=60"
                .parse()
                .expect("a sound address");
        assert_eq!(
            (address.durable.as_str(), address.replicas, address.ack_wait),
            ("desk", 3, Duration::from_secs(60))
        );
        assert_eq!(address.to_string(), "nats://one:4222,two:4333/COMMANDS");
        let short: NatsCommandsAddress = "nats://one/COMMANDS".parse().expect("a sound address");
        assert_eq!(address.source().as_str(), "nats/COMMANDS");
        assert_eq!(short.source(), address.source(), "the servers may move");
        assert_eq!(
            (short.durable.as_str(), short.replicas, short.ack_wait),
            ("earmark", 1, Duration::from_secs(30))
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("nats://host/{}", "S".repeat(196));
        for bad in [
            &long,
            "nats://host",
            "nats://host/S?durable=a.b",
            "nats://host/S?durable=",
            "nats://host/S?ack_wait=19",
            "nats://host/S?ack_wait=soon",
            "nats://host/S?subjects=a",
        ] {
            assert!(bad.parse::<NatsCommandsAddress>().is_err(), "{bad}");
        }
    }
}
