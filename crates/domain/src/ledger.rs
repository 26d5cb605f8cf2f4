//! stub
use alloc::string::String;
use crate::{Changes, Command, Loaded, Occasion, Outcome, Refusal};

/// Records that can't be true.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Corrupt(pub String);

/// x
#[derive(Debug)]
pub struct Ledger {}
impl Ledger {
    /// x
    pub fn open(_loaded: Loaded) -> Result<Self, Corrupt> { Ok(Self {}) }
    /// x
    pub fn decide(&mut self, _command: &Command, _occasion: &Occasion) -> Result<Outcome, Refusal> { todo!() }
    /// x
    pub fn close(self) -> Changes { Changes::default() }
}
