//! Mails: what they look like, and how they leave, to a mail server that does whatever it likes.
#![expect(
    clippy::disallowed_methods,
    reason = "a server's answer is waited for in the time of the machine"
)]

mod digests;
mod encryption;
mod rendering;
mod sending;
// The server is shared with the tests of the whole service.
#[expect(unreachable_pub, reason = "there it is in a library")]
#[path = "../../../../tests/src/servers/smtp.rs"]
mod smtp;
