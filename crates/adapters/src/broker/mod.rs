//! What the adapters of message brokers share: the reading of their addresses, and waits with a bound.

mod address;
mod patience;

pub use self::address::AddressError;
pub(crate) use self::address::{BrokerAddress, Scheme};
pub(crate) use self::patience::within;
