//! The engine, with stores whose every step a test controls.

mod background;
mod failures;
mod groups;
mod holds;
mod inbox;
mod pipelining;
mod queue;
mod stream;
mod support;
