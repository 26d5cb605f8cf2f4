//! The mailer: how a mail leaves.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// A mail to those whom the settings name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Identifies it among all mails: equal for each repeat of it, and for no other. Letters, digits, dots and hyphens.
    pub id: String,
    /// When it was written. A repeat is written anew.
    pub date: Timestamp,
    /// What it is about, on one line.
    pub subject: String,
    /// The mail as plain text.
    pub text: String,
    /// The mail as an HTML document.
    pub html: String,
}

/// Why a mail was not sent, and what is certain about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MailError {
    /// The server can't be reached, is too slow, or takes nothing now. It has certainly not taken the mail. Trying again
    /// soon may help.
    #[error("it was not taken: {0}")]
    Unavailable(String),
    /// The server refuses the mail for good. It has certainly not taken it. Trying again helps once somebody has changed
    /// something.
    #[error("it is refused: {0}")]
    Refused(String),
    /// There is no answer to the end of the mail: nobody knows whether it was taken.
    #[error("nobody knows whether it was taken: {0}")]
    Unknown(String),
}

/// Sends mails.
///
/// A call may be dropped at any time: then nobody knows whether the mail was taken.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Sends a mail, and returns when somebody else has taken the responsibility for it. `until` is an instant of the
    /// clock's monotonic time: MUST give up then, and MUST NOT begin to send the mail itself after it, also in a process
    /// that was stopped meanwhile. One recipient who is refused for good MUST NOT keep the others from it.
    ///
    /// # Errors
    /// [`MailError`].
    async fn send(&self, mail: &Mail, until: Duration) -> Result<(), MailError>;
}
