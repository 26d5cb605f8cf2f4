//! The rules of the shop, one sentence a test.

mod arrivals;
mod audit;
mod holds;
mod leaving;
mod precondition;
mod promises;
mod rules;
mod support;
