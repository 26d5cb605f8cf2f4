//! What the developer commands share: running and installing programs, and a throwaway PostgreSQL server.

mod failure;
mod install;
mod postgres;
mod process;

pub use failure::Failure;
pub use install::{install, is_root, need};
pub use postgres::Server;
pub use process::{Interruptions, cargo, folder_of, quietly, say};
