//! The subcommands, a module each.

mod audit;
pub(crate) mod backup;
pub(crate) mod client;
pub(crate) mod demo;
pub(crate) mod documents;
pub(crate) mod export;
pub(crate) mod file_format;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod put_aside;
pub(crate) mod serve;
pub(crate) mod settings;
pub(crate) mod verify;
