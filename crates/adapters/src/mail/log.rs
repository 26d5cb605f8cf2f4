//! The mailer that writes mails to the log.

use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{Mail, MailError, Mailer};

/// The target of the records, by which a filter of the log lets them pass or not.
pub const TARGET: &str = "earmark::mail";

/// How many bytes of the text are written. The log is for somebody who looks in passing.
const MAX_TEXT_BYTES: usize = 16 * 1024;

/// Writes each mail to the log: a record at the level `info` with the target [`TARGET`] and the fields `id`, `subject` and
/// `text`.
///
/// A log whose filter drops these records takes them without keeping them.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogMailer;

#[async_trait]
impl Mailer for LogMailer {
    async fn send(&self, mail: &Mail, _until: Duration) -> Result<(), MailError> {
        let Mail { id, subject, text, .. } = mail;
        let end = text.floor_char_boundary(MAX_TEXT_BYTES);
        let text = &text[..end];
        tracing::info!(target: TARGET, id, subject, text, "digest");
        Ok(())
    }
}
