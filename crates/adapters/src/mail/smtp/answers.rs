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

/// A failure to log in. What the server says to it is not told: some say back what they were sent, and that has the password.
pub(super) fn not_let_in(error: &Error) -> MailError {
    let Some(code) = error.status() else {
        return before_the_end(error);
    };
    let reason = format!("the server does not let the user in: {code}");
    if error.is_permanent() {
        MailError::Refused(reason)
    } else {
        MailError::Unavailable(reason)
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
