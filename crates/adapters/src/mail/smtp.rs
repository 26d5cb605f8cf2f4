//! The mailer that hands mails to a mail server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{Clock, Mail, MailError, Mailer};
use lettre::transport::smtp::client::{AsyncSmtpConnection, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;

use super::address::Mailbox;
use super::conversation::{Recipients, address, connect, deliver};
use super::deferred::Deferred;
use super::message::message;
use super::server::{Encryption, SmtpServer};
use crate::timeout::timeout;

/// How long the server may take to say goodbye, after it has taken the mail.
const GOODBYE: Duration = Duration::from_secs(2);

/// The mailer can't be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// The connection can't be encrypted as it has to be.
    #[error("the connection can't be encrypted: {0}")]
    Encryption(String),
    /// Nobody is to get the mails.
    #[error("there is no recipient")]
    NoRecipient,
}

/// To whom mails go, and how.
#[derive(Debug, Clone)]
pub struct SmtpSettings {
    /// The server that takes them.
    pub server: SmtpServer,
    /// The sender.
    pub from: Mailbox,
    /// The recipients, at least one.
    pub to: Vec<Mailbox>,
    /// How long one mail may take as a whole, from the look-up of the server's name to its answer.
    pub limit: Duration,
}

/// Hands mails to a mail server, each on a new connection.
pub struct SmtpMailer {
    settings: SmtpSettings,
    encryption: Option<TlsParameters>,
    hello: ClientId,
    deferred: Deferred,
    clock: Arc<dyn Clock>,
}

impl SmtpMailer {
    /// A mailer that does not connect before it sends.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(settings: SmtpSettings, clock: Arc<dyn Clock>) -> Result<Self, SetupError> {
        if settings.to.is_empty() {
            return Err(SetupError::NoRecipient);
        }
        let encryption = encryption(&settings.server).map_err(|error| SetupError::Encryption(error.to_string()))?;
        Ok(Self {
            encryption,
            hello: hello(settings.from.address().domain()),
            settings,
            deferred: Deferred::default(),
            clock,
        })
    }

    async fn converse(&self, message: &[u8], is_sent: &AtomicBool) -> Result<AsyncSmtpConnection, MailError> {
        let mut connection = connect(&self.settings.server, self.encryption.as_ref(), &self.hello).await?;
        let to = self.settings.to.iter().map(Mailbox::address);
        let recipients = address(&mut connection, self.settings.from.address(), to).await?;
        self.decide(&recipients)?;
        deliver(&mut connection, message, is_sent).await?;
        Ok(connection)
    }

    /// Whether the mail goes to those recipients that are taken.
    fn decide(&self, recipients: &Recipients) -> Result<(), MailError> {
        recipients.taken.iter().for_each(|taken| self.deferred.taken(taken));
        let now = self.clock.monotonic();
        for (recipient, reason) in &recipients.put_off {
            // With nobody else there is nobody who would wait.
            if self.deferred.put_off(recipient, now) || recipients.taken.is_empty() {
                return Err(MailError::Unavailable(format!("{recipient} is put off: {reason}")));
            }
            tracing::warn!(%recipient, reason, "a digest goes to the other recipients alone");
        }
        let refused = recipients.refused.iter();
        let reasons: Vec<String> = refused.map(|(to, reason)| format!("{to}: {reason}")).collect();
        if recipients.taken.is_empty() {
            return Err(MailError::Refused(reasons.join("; ")));
        }
        for reason in reasons {
            tracing::warn!(reason, "a recipient of digests is refused; the others get them");
        }
        Ok(())
    }
}

/// How the client introduces itself: by the domain of the sender, where the command can have it.
fn hello(domain: &str) -> ClientId {
    if domain.is_ascii() {
        ClientId::Domain(domain.to_owned())
    } else {
        ClientId::default()
    }
}

fn encryption(server: &SmtpServer) -> Result<Option<TlsParameters>, lettre::transport::smtp::Error> {
    let parameters = TlsParameters::builder(server.host.clone());
    Ok(Some(match server.encryption {
        Encryption::Off => return Ok(None),
        Encryption::Wrapped | Encryption::Required => parameters.build_rustls()?,
        Encryption::Offered => parameters
            .certificate_store(CertificateStore::None)
            .dangerous_accept_invalid_certs(true)
            .dangerous_accept_invalid_hostnames(true)
            .build_rustls()?,
    }))
}

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let SmtpSettings { from, to, limit, .. } = &self.settings;
        let message = message(mail, from, to).map_err(MailError::Refused)?;
        let is_sent = AtomicBool::new(false);
        let sent = Box::pin(self.converse(&message, &is_sent));
        let Some(sent) = timeout(&*self.clock, *limit, sent).await else {
            let reason = format!("no answer within {} seconds", limit.as_secs());
            return Err(if is_sent.load(Ordering::Relaxed) {
                MailError::Unknown(reason)
            } else {
                MailError::Unavailable(reason)
            });
        };
        let mut connection = sent?;
        // The mail is the server's now, whatever it says to this.
        if timeout(&*self.clock, GOODBYE, connection.abort()).await.is_none() {
            tracing::debug!(server = %self.settings.server, "the mail server does not say goodbye");
        }
        Ok(())
    }
}
