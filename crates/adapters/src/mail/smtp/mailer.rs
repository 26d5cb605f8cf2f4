//! The mailer that hands mails to a mail server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{Clock, Mail, MailError, Mailer};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;

use super::super::address::{Mailbox, is_ascii};
use super::connect::connect;
use super::conversation::{Recipients, address, deliver, takes_all};
use super::deferred::Deferred;
use super::encryption::Tls;
use super::message::message;
use super::server::SmtpServer;
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
}

/// Hands mails to a mail server, each on a new connection.
pub struct SmtpMailer {
    settings: SmtpSettings,
    tls: Tls,
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
        Ok(Self {
            tls: Tls::of(&settings.server).map_err(SetupError::Encryption)?,
            // Whoever the machine is, it speaks for the sender's domain.
            hello: ClientId::Domain(settings.from.address().domain().to_owned()),
            settings,
            deferred: Deferred::default(),
            clock,
        })
    }

    async fn converse(
        &self,
        mail: &Mail,
        until: Duration,
        is_sent: &AtomicBool,
    ) -> Result<AsyncSmtpConnection, MailError> {
        let SmtpSettings { server, from, to } = &self.settings;
        let clock = &*self.clock;
        let limit = until.saturating_sub(clock.monotonic());
        let mut connection = connect(server, &self.tls, &self.hello, clock, limit).await?;
        let recipients = address(&mut connection, from.address(), to.iter().map(Mailbox::address)).await?;
        self.decide(&recipients)?;
        // A header with an address that the server does not take would be refused for all.
        let takes_all = takes_all(&connection);
        let named = to.iter().filter(|mailbox| takes_all || is_ascii(mailbox.address()));
        let message = message(mail, from, named).map_err(MailError::Refused)?;
        let is_late = || clock.monotonic() >= until;
        deliver(&mut connection, &message, is_late, is_sent).await?;
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

#[async_trait]
impl Mailer for SmtpMailer {
    async fn send(&self, mail: &Mail, until: Duration) -> Result<(), MailError> {
        let limit = until.saturating_sub(self.clock.monotonic());
        let is_sent = AtomicBool::new(false);
        let sent = Box::pin(self.converse(mail, until, &is_sent));
        let Some(sent) = timeout(&*self.clock, limit, sent).await else {
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
