//! The subcommands, a module each.

pub(crate) mod asyncapi;
mod audit;
pub(crate) mod backup;
pub(crate) mod completions;
pub(crate) mod demo;
pub(crate) mod events;
pub(crate) mod export;
pub(crate) mod file_format;
pub(crate) mod health;
pub(crate) mod import;
pub(crate) mod keys;
pub(crate) mod man;
pub(crate) mod messages;
pub(crate) mod migrate;
pub(crate) mod openapi;
mod put_aside;
pub(crate) mod serve;
pub(crate) mod settings;
pub(crate) mod verify;
