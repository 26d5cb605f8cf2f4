//! Why a webhook can't be set up, and why an address is not connected to. Neither says anything that is secret.

use std::net::IpAddr;

/// A webhook, or what all of them share, is not set up as it has to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The URL can't be used.
    #[error("the URL of a webhook {0}")]
    Url(String),
    /// The URL names an address that is refused.
    #[error("the URL of a webhook is refused: {0}")]
    Address(#[from] AddressRefused),
    /// A secret can't be used.
    #[error("the secrets of a webhook: {0}")]
    Secret(&'static str),
    /// An entry of the allowed hosts is neither an address, nor a network, nor a name.
    #[error("{0:?} is neither an address, nor a network such as 10.0.0.0/8, nor the name of a host")]
    Allowed(String),
    /// There is nobody whose signature under a certificate is trusted.
    #[error("certificates: {0}")]
    Certificates(String),
}

/// An address is not one that a webhook may go to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressRefused {
    /// It is not public.
    #[error("{host} has the address {address}, which is {what}; such are refused unless the settings allow them")]
    NotPublic {
        /// The host, as the URL has it.
        host: String,
        /// Its address.
        address: IpAddr,
        /// What the address is for.
        what: &'static str,
    },
    /// It is not one that may be spoken to without encryption.
    #[error("{host} has the address {address}; without encryption only those are taken that the settings allow")]
    NotEncrypted {
        /// The host, as the URL has it.
        host: String,
        /// Its address.
        address: IpAddr,
    },
}
