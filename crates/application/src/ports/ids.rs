//! Ids: made outside, so that a test or a simulator can foresee them.

/// Makes ids that are unique in the whole system.
pub trait Ids: Send + Sync {
    /// A correlation id for a request that brings none: a UUID whose order is that of time (version 7).
    fn correlation_id(&self) -> [u8; 16];

    /// An unguessable token: a random UUID (version 4).
    fn token(&self) -> [u8; 16];

    /// 256 random bits, for the secret of a key.
    fn secret(&self) -> [u8; 32];
}
