//! The rules of the shop, and the domain against a naive model of it.

mod holds;
mod model;
mod naive;
mod promises;
mod rules;
mod support;
