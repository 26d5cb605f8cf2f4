//! The whole service, from outside: the real binary as a child process, and two clients to talk to it.
//!
//! [`Client`] is polite and speaks JSON; [`RawConnection`] writes bytes and is as rude as a case needs. A case that is
//! written for a [`Desk`] is expanded for every database by [`on_each_database!`](crate::on_each_database).

#![expect(
    clippy::panic,
    reason = "what a case relies on and does not get fails the case, with what came instead"
)]

mod binary;
mod books;
mod client;
mod desk;
mod process;
mod raw;
mod reply;
mod wait;

pub use binary::{Finished, earmark};
pub use books::Books;
pub use client::{Client, Sent, segment};
pub use desk::{Desk, at_the_desk};
pub use process::Service;
pub use raw::RawConnection;
pub use reply::Reply;
pub use wait::{PATIENCE, in_time, until};
