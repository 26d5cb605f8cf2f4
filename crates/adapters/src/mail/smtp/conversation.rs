//! The conversation with a mail server about a mail.

use std::sync::atomic::{AtomicBool, Ordering};

use earmark_application::MailError;
use lettre::Address;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{Extension, MailParameter};
use lettre::transport::smtp::response::Severity;

use super::super::address::is_ascii;
use super::answers::{after_the_end, before_the_end, reason};

/// Why an address is not told to a server.
const NOT_ASCII: &str = "the name before the @ is not in ASCII, which the server does not take";

/// What a server says of the recipients of a mail.
#[derive(Debug, Default)]
pub(super) struct Recipients {
    /// Those that it takes.
    pub(super) taken: Vec<Address>,
    /// Those that it puts off.
    pub(super) put_off: Vec<(Address, String)>,
    /// Those that it refuses for good.
    pub(super) refused: Vec<(Address, String)>,
}

/// Whether the server takes addresses that are not in ASCII.
pub(super) fn takes_all(connection: &AsyncSmtpConnection) -> bool {
    connection.server_info().supports_feature(Extension::SmtpUtfEight)
}

/// Names the sender and the recipients.
pub(super) async fn address(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: impl Iterator<Item = &Address> + Clone,
) -> Result<Recipients, MailError> {
    let takes_all = takes_all(connection);
    if !takes_all && !is_ascii(from) {
        return Err(MailError::Refused(NOT_ASCII.to_owned()));
    }
    let mut parameters = Vec::new();
    if takes_all && !(is_ascii(from) && to.clone().all(is_ascii)) {
        parameters.push(MailParameter::SmtpUtfEight);
    }
    let begun = connection.command(Mail::new(Some(from.clone()), parameters)).await;
    begun.map_err(|error| before_the_end(&error))?;
    let mut recipients = Recipients::default();
    for recipient in to {
        if !takes_all && !is_ascii(recipient) {
            recipients.refused.push((recipient.clone(), NOT_ASCII.to_owned()));
            continue;
        }
        match connection.command(Rcpt::new(recipient.clone(), Vec::new())).await {
            Ok(_) => recipients.taken.push(recipient.clone()),
            // It hangs up with this.
            Err(error) if error.status().is_some_and(|code| code.to_string() == "421") => {
                return Err(before_the_end(&error));
            }
            Err(error) if error.is_permanent() => recipients.refused.push((recipient.clone(), reason(&error))),
            Err(error) if error.is_transient() => recipients.put_off.push((recipient.clone(), reason(&error))),
            Err(error) => return Err(before_the_end(&error)),
        }
    }
    Ok(recipients)
}

/// Sends the mail, unless it is too late for that. `is_sent` is set when its end may have reached the server.
pub(super) async fn deliver(
    connection: &mut AsyncSmtpConnection,
    message: &[u8],
    is_late: impl Fn() -> bool,
    is_sent: &AtomicBool,
) -> Result<(), MailError> {
    connection.command(Data).await.map_err(|error| before_the_end(&error))?;
    // A process that was stopped finds the server's answer before it finds that the time is over.
    if is_late() {
        return Err(MailError::Unavailable(
            "the time for the mail was over before it was sent".to_owned(),
        ));
    }
    is_sent.store(true, Ordering::Relaxed);
    let answer = connection.message(message).await;
    let answer = answer.map_err(|error| after_the_end(&error))?;
    match answer.code().severity {
        Severity::PositiveCompletion => Ok(()),
        _ => Err(MailError::Unknown(format!("the server answers {}", answer.code()))),
    }
}
