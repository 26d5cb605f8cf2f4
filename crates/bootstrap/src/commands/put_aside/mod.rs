//! The subcommands that show what was put aside, and decide on it: events that a subscriber did not take, and messages
//! that could not be carried out.

pub(crate) mod events;
pub(crate) mod messages;
mod selection;
