//! The subcommands that print what describes the program: its interfaces, its manual pages, its completions.

pub(crate) mod asyncapi;
pub(crate) mod completions;
pub(crate) mod man;
pub(crate) mod openapi;
