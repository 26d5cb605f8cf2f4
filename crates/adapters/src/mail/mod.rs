//! Mail: digests as mails, and how they leave.
//!
//! [`digest_mail`] puts a digest into words, as plain text and as HTML. [`SmtpMailer`] hands it to a mail server, on a new
//! connection each: one mail in some minutes needs no pool. [`LogMailer`] writes it to the log.

mod address;
mod answers;
mod bounded;
mod connect;
mod conversation;
mod deferred;
mod encryption;
mod html;
mod log;
mod message;
mod names;
mod render;
mod server;
mod smtp;
mod text;
mod words;

pub use address::{AddressError, Mailbox};
pub use log::{LogMailer, TARGET};
pub use render::digest_mail;
pub use server::{Encryption, ServerError, SmtpServer};
pub use smtp::{SetupError, SmtpMailer, SmtpSettings};
