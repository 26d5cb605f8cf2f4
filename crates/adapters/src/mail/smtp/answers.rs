//! What the answers of a mail server mean.

use earmark_application::MailError;
use lettre::transport::smtp::Error;

/// How much of a reason is kept.
const MAX_REASON_CHARS: usize = 300;

/// A failure before the end of the mail was sent: it was certainly not taken.
pub(super) fn before_the_end(error: &Error) -> MailError {
    if error.is_permanent() || error.is_client() {
        MailError::Refused(reason(error))
    } else {
        MailError::Unavailable(reason(error))
    }
}

/// A failure after the end of the mail was sent: only an answer tells that it was not taken.
pub(super) fn after_the_end(error: &Error) -> MailError {
    if error.is_permanent() {
        MailError::Refused(reason(error))
    } else if error.is_transient() {
        MailError::Unavailable(reason(error))
    } else {
        MailError::Unknown(reason(error))
    }
}

/// Why, on one line.
pub(super) fn reason(error: &Error) -> String {
    let text = error.to_string();
    let chars = text.chars().map(|char| if char.is_control() { ' ' } else { char });
    chars.take(MAX_REASON_CHARS).collect()
}
