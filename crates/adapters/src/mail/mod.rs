//! Mail: digests as mails, and how they leave.
//!
//! [`digest_mail`] puts a digest into words, as plain text and as HTML. [`SmtpMailer`] hands it to a mail server, on a new
//! connection each: one mail in some minutes needs no pool. [`LogMailer`] writes it to the log.

mod address;
mod log;
mod smtp;
mod wording;

pub use address::{AddressError, Mailbox};
pub use log::{LogMailer, TARGET};
pub use smtp::{Encryption, ServerError, SetupError, SmtpMailer, SmtpServer, SmtpSettings};
pub use wording::digest_mail;
