//! Webhooks against receivers on this machine: what they get, what they may answer, and what is never connected to.

mod addresses;
mod answers;
mod batches;
mod encryption;
mod outside;
mod receiver;
mod shop;
mod signatures;
