//! What the tests share: words to say commands with, a shop to say them to, and the cases every store must pass.
//!
//! The contract that all stores keep is written once, in [`cases`], and expanded for each of them by [`contract!`].

pub mod architecture;
pub mod build;
pub mod cases;
mod counter;
mod crew;
pub mod databases;
mod gate;
pub mod service;
mod shop;

pub use counter::Counter;
pub use crew::{Crew, race};
pub use gate::{Gate, HeldOpen};
pub use shop::{Shop, Snapshot, TestClock};
