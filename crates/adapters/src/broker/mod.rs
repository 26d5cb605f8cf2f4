//! What the adapters of message brokers share: the reading of their addresses, what their answers mean, waits with a
//! bound, and what messages bring in.

mod address;
mod answers;
pub(crate) mod incoming;
mod patience;
pub(crate) mod rights;

pub use self::address::AddressError;
pub(crate) use self::address::{BrokerAddress, Scheme};
pub(crate) use self::answers::{BrokerError, unavailable};
pub(crate) use self::patience::within;
