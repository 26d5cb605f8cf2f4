//! The publishers to message brokers, and the sources of commands, each with a server of its own: what they keep through
//! kills, cut connections, lost files and rivals, and what they refuse.
//!
//! The servers are `nats-server` and `redis-server` on the search path, or the programs that `EARMARK_TEST_NATS` and
//! `EARMARK_TEST_REDIS` name. `cargo xtask test` turns these tests on.
#![expect(clippy::panic, reason = "a test fails by a panic")]
#![expect(
    clippy::disallowed_methods,
    reason = "the bounds in time are held against the machine's clock"
)]

mod cases;
mod commands;
mod encryption;
mod jetstream;
mod log;
mod redis_streams;
mod relay;
// The servers are shared with the tests of the whole service. As a dependency, the crate of those tests would have
// every adapter built for this one test.
#[expect(unreachable_pub, reason = "there they are in a library")]
#[path = "../../../../tests/src/servers/brokers/mod.rs"]
mod servers;
mod support;
