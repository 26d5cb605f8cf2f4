//! Consumers: commands come in as messages, and each is carried out once in effect.
//!
//! A source may deliver a message any number of times, to any number of instances, in the order of its choice. The id of a
//! message is stored with the effects of its command, in one transaction (the inbox), so that a repeat is known. What
//! can't be read, or is refused for good, is put aside with its reason, and the next one is taken: no source ever decides
//! that by itself. A dead message is tried once more when somebody wants it.
//!
//! A [`Consumer`] has two halves that work at once. One receives, asks the inbox once for all that it got, and submits
//! the commands of what is new, in their order. The other takes the answers, and buries, answers and acknowledges, many
//! messages at a time.

mod decisions;
mod pending;
mod receiver;
mod replays;
mod session;
mod settler;
mod shared;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;

use crate::access::Principal;
use crate::backoff::wait_after;
use crate::ports::{CommandSource, MessageFormat, RetryPolicy, SourceError, SourceName};
use session::{Session, WINDOW_MESSAGES};
use settler::Settler;
use shared::Shared;

pub use decisions::decide_on_dead_messages;
pub use shared::ConsumerPorts;

/// The pause after a source that is not fit: somebody has to set it up.
const UNFIT_PAUSE: Duration = Duration::from_secs(15);

/// Carries out the commands of one source.
pub struct Consumer {
    shared: Shared,
    /// How often in a row the source has failed.
    failures: AtomicU32,
}

impl Consumer {
    /// A consumer of a source, whose messages are in this format. `name` MUST be what their ids name as their source.
    #[must_use]
    pub fn new(
        name: SourceName,
        source: Arc<dyn CommandSource>,
        format: Arc<dyn MessageFormat>,
        ports: ConsumerPorts,
    ) -> Self {
        Self {
            shared: Shared::new(name, source, format, ports),
            failures: AtomicU32::new(0),
        }
    }

    /// The same, whose messages stand for this principal. By default they have every role but `admin`.
    #[must_use]
    pub fn standing_for(mut self, principal: Principal) -> Self {
        self.shared.principal = principal;
        self
    }

    /// Consumes until it is [drained](Self::drain). May be dropped at any time: what is not acknowledged is delivered
    /// again, and known if it was carried out.
    pub async fn run(&self) {
        tokio::select! {
            () = self.consume() => {}
            () = replays::replay(&self.shared) => {}
        }
    }

    /// Takes no more messages. Those in flight are finished, and then [`run`](Self::run) ends: as long as the engine
    /// answers, in little more than a second.
    pub fn drain(&self) {
        self.shared.drain();
    }

    /// Session after session, for ever: a source that fails is tried again.
    async fn consume(&self) {
        self.shared.stopped(false);
        while !self.shared.is_draining() {
            let session = Session::new(&self.shared);
            let (window, received) = mpsc::channel(WINDOW_MESSAGES);
            tokio::join!(
                session.receive(window, || self.source_answers()),
                Settler::new(&session, received).run()
            );
            if let Some(error) = session.into_failure() {
                self.source_failed(&error).await;
            }
        }
    }

    fn source_answers(&self) {
        if self.failures.swap(0, Ordering::Relaxed) > 0 {
            self.shared.stopped(false);
            tracing::info!(source = %self.shared.name, "commands are taken from the source again");
        }
    }

    /// Waits until the source is tried again. An outage is logged once.
    async fn source_failed(&self, error: &SourceError) {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let name = &self.shared.name;
        self.shared.stopped(true);
        if failures == 1 {
            tracing::warn!(source = %name, %error, "no commands come from the source; it is tried again");
        } else {
            tracing::debug!(source = %name, %error, failures, "no commands come from the source");
        }
        let wait = match error {
            SourceError::Unavailable { .. } => wait_after(failures, RetryPolicy::BROKER, &*self.shared.ports.ids),
            SourceError::Unfit(_) => UNFIT_PAUSE,
        };
        self.shared.pause(wait).await;
    }
}
