//! The history of a run: each request with its answer, checked against what the service shows afterwards. What was
//! acknowledged is stored whole, and nothing is stored in part.

mod expectations;
mod request;

pub use expectations::{Expectations, Known, check_balances, repeat, settle, wait_until_served};
pub use request::{Entry, Request};
