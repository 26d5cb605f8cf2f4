//! The rules of the shop, one sentence a test.

mod audit;
mod holds;
mod promises;
mod rules;
mod support;
