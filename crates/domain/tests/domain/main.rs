//! The rules of the shop, one sentence a test.

mod arrivals;
mod audit;
mod footing;
mod holds;
mod leaving;
mod promises;
mod rules;
mod support;
