//! How mails leave: to a mail server, by one conversation each, whose time and memory have bounds.

mod answers;
mod bounded;
mod connect;
mod conversation;
mod deferred;
mod encryption;
mod mailer;
mod message;
mod server;

pub use mailer::{SetupError, SmtpMailer, SmtpSettings};
pub use server::{Encryption, ServerError, SmtpServer};
