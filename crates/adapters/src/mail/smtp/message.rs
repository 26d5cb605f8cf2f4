//! A mail as it is sent: its headers, and its two versions as MIME parts.

use std::time::SystemTime;

use earmark_application::Mail;
use lettre::Message;
use lettre::message::MultiPart;
use lettre::message::header::{HeaderName, HeaderValue};

use super::super::address::Mailbox;

/// Says that no person has written it, so that no out-of-office reply comes back.
const AUTO_SUBMITTED: (&str, &str) = ("Auto-Submitted", "auto-generated");

/// The bytes of a mail.
pub(super) fn message<'m>(
    mail: &Mail,
    from: &Mailbox,
    to: impl Iterator<Item = &'m Mailbox>,
) -> Result<Vec<u8>, String> {
    let (name, value) = AUTO_SUBMITTED;
    let name = HeaderName::new_from_ascii_str(name);
    let mut builder = Message::builder()
        .from(from.0.clone())
        .subject(one_line(&mail.subject))
        .date(SystemTime::from(mail.date))
        .message_id(Some(message_id(&mail.id, from)))
        .raw_header(HeaderValue::new(name, value.to_owned()));
    for recipient in to {
        builder = builder.to(recipient.0.clone());
    }
    let parts = MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone());
    let message = builder.multipart(parts).map_err(|error| error.to_string())?;
    Ok(message.formatted())
}

/// The id under which everybody on the way knows the mail.
fn message_id(id: &str, from: &Mailbox) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '.' | '-');
    let id = id.replace(|char| !is_plain(char), "-");
    format!("<{id}@{}>", from.address().domain())
}

fn one_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}
