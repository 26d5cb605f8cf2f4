//! The AsyncAPI document: what the service sends and takes as messages, made from the schemas of the code.
//!
//! It stands here because it names every broker. `schemas` has what messages say, `events` and `commands` the channels
//! with their messages, and [`document`] puts them together.

mod commands;
mod document;
mod events;
mod parts;
mod schemas;
#[cfg(test)]
mod tests;

pub(crate) use document::document;
