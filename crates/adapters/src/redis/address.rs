//! Addresses of streams.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::broker::{AddressError, BrokerAddress, Scheme};

pub(super) const SCHEME: Scheme = Scheme {
    plain: "redis",
    encrypted: "rediss",
    both: "redis:// or rediss://",
    port: 6379,
};

/// The stream of an address that names none.
const DEFAULT_STREAM: &str = "earmark";

/// About how many entries a stream keeps whose address does not say: some 50 MB of memory.
const DEFAULT_MAX_LENGTH: u64 = 100_000;

/// The longest name of a stream, in bytes: with some words around it, it is in ids of messages and in the name of the
/// subscription, which have 255 characters at most.
const MAX_NAME: usize = 240;

/// The address of a stream: `redis://[user:password@]host[:port][/db][?stream=earmark&maxlen=100000]`, or `rediss://…`.
///
/// As text it has neither the user nor the password nor the length, and so names the subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisAddress {
    pub(super) broker: BrokerAddress,
    pub(super) database: u16,
    pub(super) stream: String,
    /// About how many entries the stream keeps.
    pub(super) max_length: u64,
}

impl FromStr for RedisAddress {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        let mut broker = BrokerAddress::read(url, SCHEME)?;
        one_host(&broker)?;
        let stream = take_name(&mut broker, "stream")?;
        let positive = |text: &str| text.parse::<NonZeroU64>().ok();
        let max_length = broker.take_parameter("maxlen", "a number from 1", positive)?;
        broker.no_more_parameters()?;
        Ok(Self {
            database: take_database(&mut broker)?,
            stream: stream.unwrap_or_else(|| DEFAULT_STREAM.to_owned()),
            max_length: max_length.map_or(DEFAULT_MAX_LENGTH, NonZeroU64::get),
            broker,
        })
    }
}

/// Replicas and clusters are not known here.
pub(super) const fn one_host(broker: &BrokerAddress) -> Result<(), AddressError> {
    if broker.hosts.len() == 1 {
        return Ok(());
    }
    Err(AddressError::Hosts { most: 1 })
}

/// The name of a stream or of what belongs to one, if the address gives it.
pub(super) fn take_name(broker: &mut BrokerAddress, parameter: &'static str) -> Result<Option<String>, AddressError> {
    broker.take_parameter(parameter, "a name of 1 to 240 bytes", |text| {
        (1..=MAX_NAME).contains(&text.len()).then(|| text.to_owned())
    })
}

/// The number of the database.
pub(super) fn take_database(broker: &mut BrokerAddress) -> Result<u16, AddressError> {
    match std::mem::take(&mut broker.path) {
        path if path.is_empty() => Ok(0),
        path => path.parse().map_err(|_| AddressError::Path("the number of a database")),
    }
}

/// Writes an address without what may be secret.
pub(super) fn write_public(
    f: &mut fmt::Formatter<'_>,
    broker: &BrokerAddress,
    database: u16,
    stream: &str,
) -> fmt::Result {
    let scheme = if broker.is_encrypted {
        SCHEME.encrypted
    } else {
        SCHEME.plain
    };
    let stream = utf8_percent_encode(stream, NON_ALPHANUMERIC);
    write!(f, "{scheme}://{}/{database}?stream={stream}", broker.hosts[0])
}

impl fmt::Display for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_public(f, &self.broker, self.database, &self.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> RedisAddress {
        url.parse().expect(url)
    }

    #[test]
    fn an_address_names_a_database_and_a_stream() {
        let address = read("rediss://me:secret@cache:6380/3?stream=the%20events&maxlen=500");
        assert_eq!(
            (address.database, address.stream.as_str(), address.max_length),
            (3, "the events", 500)
        );
        assert!(address.broker.is_encrypted);
        assert_eq!(address.to_string(), "rediss://cache:6380/3?stream=the%20events");
    }

    #[test]
    fn an_address_can_leave_all_but_the_host_out() {
        let address = read("redis://cache");
        assert_eq!(
            (address.database, address.stream.as_str(), address.max_length),
            (0, DEFAULT_STREAM, DEFAULT_MAX_LENGTH)
        );
        assert_eq!(address, read("redis://cache:6379/0"));
        assert_eq!(address.to_string(), "redis://cache:6379/0?stream=earmark");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for bad in [
            "redis://one,two",
            "redis://cache/x",
            "redis://cache/-1",
            "redis://cache/1/2",
            "redis://cache?stream=",
            "redis://cache?maxlen=0",
            "redis://cache?maxlen=many",
            "redis://cache?max=1",
            "mail://cache",
        ] {
            assert!(bad.parse::<RedisAddress>().is_err(), "{bad}");
        }
    }
}
