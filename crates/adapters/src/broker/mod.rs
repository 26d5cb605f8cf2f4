//! What the adapters of message brokers share: the reading of their addresses, what their answers mean, and waits with a
//! bound.

mod address;
mod answers;
mod patience;

pub use self::address::AddressError;
pub(crate) use self::address::{BrokerAddress, Scheme};
pub(crate) use self::answers::unavailable;
pub(crate) use self::patience::within;
