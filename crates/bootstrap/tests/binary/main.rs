//! The binary `earmark`, from outside.

mod command_line;
mod service;
mod shop;
