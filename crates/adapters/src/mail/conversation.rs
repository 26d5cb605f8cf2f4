//! The conversation with a mail server, from the greeting to the end of the mail.

use std::sync::atomic::{AtomicBool, Ordering};

use earmark_application::MailError;
use lettre::Address;
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Severity;

use super::answers::{after_the_end, before_the_end, reason};
use super::server::{Encryption, SmtpServer};

/// How the password is told, where there is one.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

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

/// Connects, encrypts the connection, and logs in.
pub(super) async fn connect(
    server: &SmtpServer,
    encryption: Option<&TlsParameters>,
    hello: &ClientId,
) -> Result<AsyncSmtpConnection, MailError> {
    let wrapped = (server.encryption == Encryption::Wrapped).then(|| encryption.cloned());
    let address = (server.host.as_str(), server.port);
    let connection = AsyncSmtpConnection::connect_tokio1(address, None, hello, wrapped.flatten(), None).await;
    let mut connection = connection.map_err(|error| before_the_end(&error))?;
    let starts = match server.encryption {
        Encryption::Wrapped | Encryption::Off => false,
        Encryption::Required => true,
        Encryption::Offered => connection.can_starttls(),
    };
    if let Some(parameters) = encryption.filter(|_| starts) {
        let started = connection.starttls(parameters.clone(), hello).await;
        started.map_err(|error| before_the_end(&error))?;
    }
    if let Some(credentials) = &server.credentials {
        let known = connection.auth(&MECHANISMS, credentials).await;
        known.map_err(|error| before_the_end(&error))?;
    }
    Ok(connection)
}

/// Names the sender and the recipients.
pub(super) async fn address(
    connection: &mut AsyncSmtpConnection,
    from: &Address,
    to: impl Iterator<Item = &Address> + Clone,
) -> Result<Recipients, MailError> {
    let is_ascii = |address: &Address| AsRef::<str>::as_ref(address).is_ascii();
    let mut parameters = Vec::new();
    if !is_ascii(from) || !to.clone().all(is_ascii) {
        if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
            let why = "an address is not in ASCII, which the server does not take".to_owned();
            return Err(MailError::Refused(why));
        }
        parameters.push(MailParameter::SmtpUtfEight);
    }
    let begun = connection.command(Mail::new(Some(from.clone()), parameters)).await;
    begun.map_err(|error| before_the_end(&error))?;
    let mut recipients = Recipients::default();
    for recipient in to {
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

/// Sends the mail. `is_sent` is set when its end may have reached the server.
pub(super) async fn deliver(
    connection: &mut AsyncSmtpConnection,
    message: &[u8],
    is_sent: &AtomicBool,
) -> Result<(), MailError> {
    connection.command(Data).await.map_err(|error| before_the_end(&error))?;
    is_sent.store(true, Ordering::Relaxed);
    let answer = connection.message(message).await;
    let answer = answer.map_err(|error| after_the_end(&error))?;
    match answer.code().severity {
        Severity::PositiveCompletion => Ok(()),
        _ => Err(MailError::Unknown(format!("the server answers {}", answer.code()))),
    }
}
