//! A session: one connection, which ends with the first fault.
//!
//! The client would connect again by itself, drop what it had not written, and go on with what is published later.
//! Nothing is lost by that, as every message names its predecessor; but nobody would hear of it before the
//! acknowledgements are overdue. So a session that has lost its connection fails at once, and is never used again.

use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::{Context, ContextBuilder};
use async_nats::{ConnectOptions, Event, ServerAddr, ServerError};
use earmark_application::Clock;
use futures::future::{Either, select};
use tokio::sync::watch;

use super::address::scheme_of;
use super::subject::is_of_events;
use super::trust;
use crate::broker::{BrokerAddress, BrokerError, unavailable, within};

/// How long connecting may take, to all of the address's servers together: shorter than a relay's lease.
const CONNECTING: Duration = Duration::from_secs(5);

/// How long the client waits until it connects again by itself, and with that closes the connection that is lost: whoever
/// used it has heard of that by then, and listens to it no more.
const RECONNECTING: Duration = Duration::from_millis(100);

/// How long the next session waits for that.
const CLOSING: Duration = Duration::from_secs(1);

/// How long one question may take, or all acknowledgements of one call: long enough for a cluster to elect a leader,
/// and shorter than a relay's lease.
pub(super) const ANSWERING: Duration = Duration::from_secs(5);

/// A connection that has not been lost yet.
pub(super) struct Session {
    context: Context,
    end: watch::Receiver<End>,
}

/// The end of a connection.
#[derive(Default)]
struct End {
    /// Why it is lost, as soon as it is.
    lost: Option<String>,
    /// Whether it is closed, so that the server sends nothing to it any more. The client may have another one by then.
    is_closed: bool,
}

impl End {
    /// Takes note of an event. Tells whether it says anything new.
    fn note(&mut self, event: &Event) -> bool {
        if self.lost.is_none() {
            self.lost = end_of(event);
            return self.lost.is_some();
        }
        let is_closed_now = !self.is_closed && matches!(event, Event::Connected | Event::Closed);
        self.is_closed |= is_closed_now;
        is_closed_now
    }
}

/// A connection that is lost and may not be closed yet.
#[derive(Clone)]
pub(super) struct Closing(watch::Receiver<End>);

impl Closing {
    /// Waits until it is closed, within a bound: what the server sends before that is read by nobody.
    pub(super) async fn closed(mut self, clock: &dyn Clock) {
        // Without its client it is closed as well.
        let closed = pin!(self.0.wait_for(|end| end.is_closed));
        select(closed, clock.pause(CLOSING)).await;
    }
}

impl Session {
    /// Connects to one of the servers.
    ///
    /// # Errors
    /// [`BrokerError::Unavailable`].
    pub(super) async fn open(broker: &BrokerAddress, clock: &dyn Clock) -> Result<Self, BrokerError> {
        let scheme = scheme_of(broker);
        let servers: Vec<ServerAddr> = broker
            .hosts
            .iter()
            .map(|host| format!("{scheme}://{host}").parse())
            .collect::<Result<_, _>>()
            .map_err(|error: std::io::Error| BrokerError::Unfit(error.to_string()))?;
        let (tell, end) = watch::channel(End::default());
        let is_open = Arc::new(AtomicBool::new(false));
        let was_open = Arc::clone(&is_open);
        let mut options = ConnectOptions::new()
            .name("earmark")
            .connection_timeout(CONNECTING)
            // Each server once: then the client ends, also one that nobody uses any more.
            .max_reconnects(servers.len())
            .reconnect_delay_callback(move |_| {
                let was_open = was_open.load(Ordering::Relaxed);
                if was_open { RECONNECTING } else { Duration::ZERO }
            })
            .require_tls(broker.is_encrypted)
            .event_callback(move |event| {
                tell.send_if_modified(|end| end.note(&event));
                ready(())
            });
        if let Some(credentials) = &broker.credentials {
            let password = credentials.password.clone().unwrap_or_default();
            options = options.user_and_password(credentials.user.clone(), password);
        }
        // The file is there until the connection is.
        let authorities = if broker.is_encrypted {
            trust::authorities()?
        } else {
            None
        };
        if let Some(file) = &authorities {
            options = options.add_root_certificates(file.path().to_owned());
        }
        let connecting = Box::pin(async { options.connect(servers).await.map_err(|error| unavailable(&error)) });
        let client = within(clock, CONNECTING, connecting).await?;
        is_open.store(true, Ordering::Relaxed);
        let context = ContextBuilder::new()
            .timeout(ANSWERING)
            .ack_timeout(ANSWERING)
            .build(client);
        Ok(Self { context, end })
    }

    /// What questions are asked through.
    pub(super) const fn context(&self) -> &Context {
        &self.context
    }

    /// Asks the server something, for at most [`ANSWERING`] and only while the connection stands.
    ///
    /// # Errors
    /// That of the question, or [`BrokerError::Unavailable`].
    pub(super) async fn ask<T, E: From<BrokerError>>(
        &self,
        clock: &dyn Clock,
        question: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let answer = async {
            match select(pin!(question), pin!(self.loss())).await {
                Either::Left((answer, _)) => answer,
                Either::Right((reason, _)) => Err(unavailable(&reason).into()),
            }
        };
        within(clock, ANSWERING, answer).await
    }

    /// Whether the connection has been lost.
    pub(super) fn is_lost(&self) -> bool {
        self.end.borrow().lost.is_some() || self.end.has_changed().is_err()
    }

    /// The connection as those see it who have given it up.
    pub(super) fn closing(&self) -> Closing {
        Closing(self.end.clone())
    }

    /// Ends when the connection is lost, and says why.
    pub(super) async fn loss(&self) -> String {
        let mut end = self.end.clone();
        match end.wait_for(|end| end.lost.is_some()).await {
            Ok(end) => end.lost.clone().unwrap_or_default(),
            Err(_) => "the connection has ended".to_owned(),
        }
    }
}

/// Why an event of the connection ends a session, if it does. What a server refuses by permissions it tells here and
/// not in an answer.
fn end_of(event: &Event) -> Option<String> {
    match event {
        Event::Disconnected | Event::Closed => Some("the connection is lost".to_owned()),
        Event::ServerError(ServerError::Other(error)) if is_about_a_reply(error) => {
            tracing::warn!(%error, "an answer to a message was not sent");
            None
        }
        Event::ServerError(error) => Some(error.to_string()),
        _ => None,
    }
}

/// Whether the server refuses a message by permissions that is none of a stream or of its API: an answer, whose subject
/// the sender of a command has chosen. No sender can end the session by a subject that it may not have.
fn is_about_a_reply(error: &str) -> bool {
    let subject = error.split_once("Permissions Violation for Publish to \"");
    subject.is_some_and(|(_, subject)| !subject.starts_with('$') && !is_of_events(subject))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_connection_is_closed_when_the_client_has_another_or_none() {
        let mut end = End::default();
        assert!(!end.note(&Event::Connected) && !end.is_closed);
        assert!(end.note(&Event::Disconnected) && end.lost.is_some());
        assert!(!end.note(&Event::Disconnected) && !end.is_closed);
        assert!(end.note(&Event::Connected) && end.is_closed);
        assert!(!end.note(&Event::Closed));
    }

    #[test]
    fn a_subject_that_a_sender_has_chosen_ends_no_session() {
        let refused = |subject: &str| {
            let error = format!("Permissions Violation for Publish to \"{subject}\"");
            end_of(&Event::ServerError(ServerError::Other(error))).is_some()
        };
        assert!(!refused("desk.answers.7"));
        assert!(!refused("_INBOX.7"));
        assert!(refused("$JS.API.CONSUMER.MSG.NEXT.COMMANDS.earmark"));
        assert!(refused("$JS.ACK.COMMANDS.earmark.1.2.3.4.5"));
        assert!(refused("earmark.Allocated.LAMP"));
        let other = ServerError::Other("Permissions Violation for Subscription to \"_INBOX.1\"".to_owned());
        assert!(end_of(&Event::ServerError(other)).is_some());
    }
}
