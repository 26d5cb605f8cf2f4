//! What brokers answer, as the ports tell it.

use std::fmt::Display;

use earmark_application::{PublishError, SourceError};

/// Why a broker did not do what was asked of it: what both directions have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BrokerError {
    /// It does not answer, or says to try later.
    Unavailable(String),
    /// It is set up otherwise than it has to be. Somebody has to mend it.
    Unfit(String),
}

/// A broker does not answer, or says to try later.
pub(crate) fn unavailable(reason: &dyn Display) -> BrokerError {
    BrokerError::Unavailable(reason.to_string())
}

impl From<BrokerError> for PublishError {
    fn from(error: BrokerError) -> Self {
        match error {
            BrokerError::Unavailable(reason) => Self::Unavailable {
                reason,
                retry_after: None,
            },
            BrokerError::Unfit(why) => Self::Unfit(why),
        }
    }
}

impl From<BrokerError> for SourceError {
    fn from(error: BrokerError) -> Self {
        match error {
            BrokerError::Unavailable(reason) => Self::Unavailable { reason },
            BrokerError::Unfit(why) => Self::Unfit(why),
        }
    }
}
