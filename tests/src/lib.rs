//! Test support: builders for commands, a shop to run them in, a client of the running service, and the architecture
//! rules.
//!
//! The contract of all stores is written once, in [`cases`], and expanded for each store by [`contract!`].

pub mod architecture;
pub mod build;
pub mod cases;
pub mod databases;
pub mod event_contract;
mod gate;
pub mod history;
pub mod identity_provider;
mod instance;
pub mod metrics_page;
pub mod outlook_oracle;
#[cfg(feature = "servers")]
pub mod servers;
pub mod service;
mod shop;
mod shop_engine;

pub use gate::{ClosedGate, Gate};
pub use instance::{Instance, race, race_deliveries};
pub use shop::{Shop, Snapshot, TestClock};
pub use shop_engine::ShopEngine;
