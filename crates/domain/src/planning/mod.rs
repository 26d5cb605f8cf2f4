//! What planners ask: which promises are at risk, whom a late batch really hits, what would help a line that waits, and
//! what became of a line. Nothing is decided here; the answers use the rules by which commands are decided.

pub(crate) mod age;
pub(crate) mod composition;
pub(crate) mod open_stock;
pub(crate) mod risk;
pub(crate) mod standing;
