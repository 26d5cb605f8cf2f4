//! HTTP/2: many requests at once on one encrypted connection.
//!
//! The web server has a dispatcher of its own for this. It bounds neither how many requests a client may have in flight,
//! nor how long one may be left unread, and does not end a connection while the service drains. So the requests are taken
//! from the protocol's library here (`connection`), given to the same application as all others (`request`), and answered
//! within the same bounds (`answer`).

mod answer;
mod connection;
mod request;

pub(super) use connection::serve;
