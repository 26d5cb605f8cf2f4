//! A session: one connection, which ends with the first fault.
//!
//! The client would connect again by itself, drop what it had not written, and go on with what is published later.
//! Nothing is lost by that, as every message names its predecessor; but nobody would hear of it before the
//! acknowledgements are overdue. So a session that has lost its connection fails at once, and is never used again.

use std::future::ready;
use std::pin::pin;
use std::time::Duration;

use async_nats::jetstream::{Context, ContextBuilder};
use async_nats::{ConnectOptions, Event, ServerAddr};
use earmark_application::{Clock, PublishError};
use futures::future::{Either, select};
use tokio::sync::watch;

use super::address::NatsAddress;
use crate::broker::{unavailable, within};

/// How long connecting may take, to all of the address's servers together: shorter than a relay's lease.
const CONNECTING: Duration = Duration::from_secs(5);

/// How long one question may take, or all acknowledgements of one call: long enough for a cluster to elect a leader,
/// and shorter than a relay's lease.
pub(super) const ANSWERING: Duration = Duration::from_secs(5);

/// A connection that has not been lost yet.
pub(super) struct Session {
    context: Context,
    /// Why it is lost, as soon as it is.
    lost: watch::Receiver<Option<String>>,
}

impl Session {
    /// Connects to one of the servers.
    ///
    /// # Errors
    /// [`PublishError::Unavailable`].
    pub(super) async fn open(address: &NatsAddress, clock: &dyn Clock) -> Result<Self, PublishError> {
        let broker = &address.broker;
        let servers: Vec<ServerAddr> = broker
            .hosts
            .iter()
            .map(|host| format!("{}://{host}", address.scheme()).parse())
            .collect::<Result<_, _>>()
            .map_err(|error: std::io::Error| PublishError::Unfit(error.to_string()))?;
        let (tell, lost) = watch::channel(None);
        let mut options = ConnectOptions::new()
            .name("earmark")
            .connection_timeout(CONNECTING)
            // Each server once: then the client ends, also one that nobody uses any more.
            .max_reconnects(servers.len())
            .require_tls(broker.is_encrypted)
            .event_callback(move |event| {
                if let Some(reason) = end_of(&event) {
                    tell.send_if_modified(|lost| {
                        let is_first = lost.is_none();
                        lost.get_or_insert(reason);
                        is_first
                    });
                }
                ready(())
            });
        if let Some(credentials) = &broker.credentials {
            let password = credentials.password.clone().unwrap_or_default();
            options = options.user_and_password(credentials.user.clone(), password);
        }
        let connecting = Box::pin(async { options.connect(servers).await.map_err(|error| unavailable(&error)) });
        let client = within(clock, CONNECTING, connecting).await?;
        let context = ContextBuilder::new()
            .timeout(ANSWERING)
            .ack_timeout(ANSWERING)
            .build(client);
        Ok(Self { context, lost })
    }

    /// What questions are asked through.
    pub(super) const fn context(&self) -> &Context {
        &self.context
    }

    /// Asks the server something, for at most [`ANSWERING`] and only while the connection stands.
    ///
    /// # Errors
    /// That of the question, or [`PublishError::Unavailable`].
    pub(super) async fn ask<T>(
        &self,
        clock: &dyn Clock,
        question: impl Future<Output = Result<T, PublishError>>,
    ) -> Result<T, PublishError> {
        let answer = async {
            match select(pin!(question), pin!(self.loss())).await {
                Either::Left((answer, _)) => answer,
                Either::Right((reason, _)) => Err(unavailable(&reason)),
            }
        };
        within(clock, ANSWERING, answer).await
    }

    /// Whether the connection has been lost.
    pub(super) fn is_lost(&self) -> bool {
        self.lost.borrow().is_some() || self.lost.has_changed().is_err()
    }

    /// Ends when the connection is lost, and says why.
    async fn loss(&self) -> String {
        let mut lost = self.lost.clone();
        match lost.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "the connection has ended".to_owned(),
        }
    }
}

/// Why an event of the connection ends a session, if it does. What a server refuses by permissions it tells here and
/// not in an answer.
fn end_of(event: &Event) -> Option<String> {
    match event {
        Event::Disconnected | Event::Closed => Some("the connection is lost".to_owned()),
        Event::ServerError(error) => Some(error.to_string()),
        _ => None,
    }
}
