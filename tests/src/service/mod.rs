//! The running service from outside: the real binary as a child process, and two clients.
//!
//! [`Client`] sends well-formed HTTP with JSON; [`RawConnection`] sends any bytes. A case that takes a [`Desk`] is expanded
//! for every database by [`on_each_database!`](crate::on_each_database).

#![expect(
    clippy::panic,
    reason = "a helper fails the case with what it got instead of what the case needs"
)]

mod binary;
mod client;
mod desk;
mod documented;
mod process;
mod raw;
mod reply;
mod state;
mod wait;

pub use binary::{Finished, earmark, earmark_reading, earmark_with, earmark_without_grace, earmark_without_rights};
pub use client::{Client, Sent, segment};
pub use desk::{Desk, at_the_desk};
pub use documented::{Documented, Operation, values_of};
pub use process::{Service, own_memory_of, signal};
pub use raw::RawConnection;
pub use reply::Reply;
pub use state::State;
pub use wait::{PATIENCE, in_time, until};
