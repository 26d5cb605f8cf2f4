//! The connection of a client: bytes, with bounds on how long they may stand still.
//!
//! The web server polls the body of a response only while the client takes what was written before. So a client that
//! reads nothing would keep its response, and all that it holds, for ever: an event stream its place, a bulk stream its
//! answers, a drain its time. The bounds are kept here, where bytes are written, and so hold for every response.
//!
//! When most connections are taken, those without a request are closed, so that new clients get in.

//!
//! `stream` is a connection, `bounds` what it keeps, `connections` what all of them share. `transport` is a connection as
//! HTTP is spoken on it: plain, or encrypted once the `handshake` is done.

mod bounds;
mod connections;
mod handshake;
mod stream;
mod transport;

pub(super) use connections::{Connections, InUse};
pub(super) use handshake::{Negotiated, shake_hands};
pub(super) use stream::Connection;
pub(super) use transport::{Encrypted, Transport};
