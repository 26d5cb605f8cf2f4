//! Views: the one place where the state that the domain shows becomes JSON.
//!
//! The types borrow from the domain's views and are written straight into the text of the answer. Each documents itself
//! for the OpenAPI document.

pub mod audit;
pub mod availability;
pub mod batches;
pub mod effects;
pub mod keys;
pub mod list;
pub mod orders;
pub mod outlook;
pub mod pages;
pub mod products;
pub mod quotes;
pub mod sessions;
pub mod shortages;
pub mod sources;
pub mod subscriptions;
