//! Digests: the mailer of the settings, and the relay that sends through it.

use std::sync::Arc;
use std::time::Duration;

use earmark_adapters::mail::{LogMailer, SmtpMailer, SmtpSettings, digest_mail};
use earmark_application::{Clock, DeliveryMeter, DigestPorts, DigestRelay, LeaseHolder, Mailer};
use earmark_domain::Calendar;
use jiff::tz::TimeZone;

use crate::app::App;
use crate::failure::Failure;
use crate::settings::{MailSettings, MailTransport};

/// The part of the interval that one mail may take: what is left is for another attempt.
const PART_OF_INTERVAL: (u32, u32) = (2, 3);

/// How long one mail may take at least and at most. Nobody else waits for it, and some servers look at a mail for a while
/// before they answer: to give up early is to send it twice. Ten minutes for that is what RFC 5321 asks of a client.
const MAIL_LIMIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(600));

/// How digests leave, and how often.
pub(crate) struct Mailing {
    mailer: Arc<dyn Mailer>,
    every: Duration,
    /// The times in them are of this zone.
    zone: TimeZone,
}

impl Mailing {
    /// The mailer of the settings. It is not connected yet.
    ///
    /// # Errors
    /// When its connections can't be encrypted as they have to be.
    pub(crate) fn of(settings: &MailSettings, calendar: &Calendar, clock: &Arc<dyn Clock>) -> Result<Self, Failure> {
        let every = settings.every;
        let mailer: Arc<dyn Mailer> = match &settings.transport {
            MailTransport::Log => return Ok(Self::to_log(every, calendar)),
            MailTransport::Smtp { server, from, to } => {
                let settings = SmtpSettings {
                    server: server.clone(),
                    from: from.clone(),
                    to: to.clone(),
                };
                let mailer = SmtpMailer::new(settings, Arc::clone(clock));
                Arc::new(mailer.map_err(|error| Failure::Usage(format!("the setting mail.url is wrong: {error}")))?)
            }
        };
        Ok(Self {
            mailer,
            every,
            zone: calendar.zone().clone(),
        })
    }

    /// Digests that go to the log.
    pub(crate) fn to_log(every: Duration, calendar: &Calendar) -> Self {
        Self {
            mailer: Arc::new(LogMailer),
            every,
            zone: calendar.zone().clone(),
        }
    }

    /// The relay of the digests. What happens from now on is told, and on new books nothing before that.
    ///
    /// # Errors
    /// When the store does not answer.
    pub(crate) async fn begin(self, app: &App, meter: Arc<dyn DeliveryMeter>) -> Result<DigestRelay, Failure> {
        let (books, newest) = app.tail.end().await?;
        let zone = self.zone;
        let relay = DigestRelay::new(DigestPorts {
            subscriptions: Arc::clone(&app.ports.subscriptions),
            feed: Arc::clone(&app.ports.events),
            views: Arc::clone(&app.ports.views),
            mailer: self.mailer,
            render: Box::new(move |digest| digest_mail(digest, &zone)),
            clock: Arc::clone(&app.ports.clock),
            ids: Arc::clone(&app.ports.ids),
            meter,
            holder: LeaseHolder(app.ports.ids.token()),
            every: self.every,
            mail_limit: mail_limit(self.every),
            start: books.position_of(newest),
        });
        relay.begin().await?;
        Ok(relay)
    }
}

fn mail_limit(every: Duration) -> Duration {
    let (part, of) = PART_OF_INTERVAL;
    let (shortest, longest) = MAIL_LIMIT;
    (every / of * part).clamp(shortest, longest)
}
