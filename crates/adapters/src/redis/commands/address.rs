//! Addresses of the streams that commands come from.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use earmark_application::{Principal, SourceName};

use super::super::address::{SCHEME, one_host, take_database, take_name, write_public};
use crate::broker::incoming::take_ack_wait;
use crate::broker::rights::Rights;
use crate::broker::{AddressError, BrokerAddress};

/// The stream of an address that names none.
const DEFAULT_STREAM: &str = "earmark:commands";

/// The consumer group of an address that names none.
const DEFAULT_GROUP: &str = "earmark";

/// The address of a server that commands come from:
/// `redis://[user:password@]host[:port][/db][?stream=earmark:commands&group=earmark&ack_wait=30]`, or `rediss://…`, with
/// what its messages may do: `roles=sales,warehouse&orders_with_prefix=…&skus_with_prefix=…`.
///
/// As text it has neither the user nor the password nor the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedisCommandsAddress {
    pub(in super::super) broker: BrokerAddress,
    pub(in super::super) database: u16,
    pub(super) stream: String,
    source: SourceName,
    rights: Rights,
    /// The name of the consumer group, which all instances share.
    pub(super) group: String,
    /// How long an entry that was delivered waits for an acknowledgement until another instance takes it.
    pub(super) ack_wait: Duration,
}

impl FromStr for RedisCommandsAddress {
    type Err = AddressError;

    fn from_str(url: &str) -> Result<Self, AddressError> {
        let mut broker = BrokerAddress::read(url, SCHEME)?;
        one_host(&broker)?;
        let stream = take_name(&mut broker, "stream")?;
        let group = take_name(&mut broker, "group")?;
        let ack_wait = take_ack_wait(&mut broker)?;
        let rights = Rights::take(&mut broker)?;
        broker.no_more_parameters()?;
        let stream = stream.unwrap_or_else(|| DEFAULT_STREAM.to_owned());
        let source = SourceName::of("redis", &stream).ok_or(AddressError::Value {
            name: "stream",
            wanted: "a name of at most 194 characters, none of them a control character",
        })?;
        Ok(Self {
            database: take_database(&mut broker)?,
            stream,
            source,
            rights,
            group: group.unwrap_or_else(|| DEFAULT_GROUP.to_owned()),
            ack_wait,
            broker,
        })
    }
}

impl RedisCommandsAddress {
    /// The name of the source: what the ids of its messages name, wherever its server is.
    #[must_use]
    pub const fn source(&self) -> &SourceName {
        &self.source
    }

    /// Whom the messages of one of its sources stand for.
    #[must_use]
    pub fn principal(&self, source: &SourceName) -> Principal {
        self.rights.principal(source)
    }

    /// The consumer group, which all instances of one service share.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// The server, which all of its databases share the channels of: `host:port`.
    #[must_use]
    pub fn server(&self) -> String {
        self.broker.hosts[0].to_string()
    }
}

impl fmt::Display for RedisCommandsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_public(f, &self.broker, self.database, &self.stream)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_database_a_stream_and_a_group() {
        let address: RedisCommandsAddress = "rediss://me:secret@cache:6380/3?stream=desk&group=g&ack_wait=60"
            .parse()
            .expect("a sound address");
        assert_eq!(
            (address.stream.as_str(), address.group.as_str(), address.ack_wait),
            ("desk", "g", Duration::from_secs(60))
        );
        assert_eq!(address.to_string(), "rediss://cache:6380/3?stream=desk");
        assert_eq!(address.server(), "cache:6380");
        assert_eq!(address.source().as_str(), "redis/desk");
        let short: RedisCommandsAddress = "redis://cache".parse().expect("a sound address");
        assert_eq!((short.database, short.group.as_str()), (0, DEFAULT_GROUP));
        assert_eq!(short.to_string(), "redis://cache:6379/0?stream=earmark%3Acommands");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long = format!("redis://cache?stream={}", "s".repeat(195));
        for bad in [
            &long,
            "redis://cache?stream=a%0Ab",
            "redis://one,two",
            "redis://cache/x",
            "redis://cache?stream=",
            "redis://cache?group=",
            "redis://cache?maxlen=5",
            "redis://cache?ack_wait=1",
        ] {
            assert!(bad.parse::<RedisCommandsAddress>().is_err(), "{bad}");
        }
    }
}
