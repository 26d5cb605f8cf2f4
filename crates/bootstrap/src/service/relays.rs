//! The relays: a task for each subscription, one that reads the log for all of them, and one that sends digests.

use std::sync::Arc;

use earmark_application::{Clock, DeliveryMeter, DigestRelay, EventTail, LeaseHolder, Relay, RelayPorts, StoreError};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::app::App;
use crate::service::publishers::Subscribers;

/// The running relays. Dropping it stops them.
pub(crate) struct Relays {
    jobs: JoinSet<()>,
    relays: Vec<Arc<Relay>>,
    digests: Arc<DigestRelay>,
}

impl Relays {
    /// Starts to read the log, to deliver to these subscribers, and to send digests.
    pub(crate) fn start(
        app: &App,
        subscribers: Subscribers,
        digests: DigestRelay,
        meter: Arc<dyn DeliveryMeter>,
    ) -> Self {
        let ports = RelayPorts {
            subscriptions: Arc::clone(&app.ports.subscriptions),
            tail: Arc::clone(&app.tail),
            clock: Arc::clone(&app.ports.clock),
            ids: Arc::clone(&app.ports.ids),
            meter,
            holder: LeaseHolder(app.ports.ids.token()),
            after_refusal: subscribers.after_refusal,
        };
        let mut jobs = JoinSet::new();
        let (tail, clock) = (Arc::clone(&app.tail), Arc::clone(&app.ports.clock));
        jobs.spawn(follow(tail, clock, app.engine.events_stored()));
        let relays: Vec<Arc<Relay>> = (subscribers.list.into_iter())
            .map(|(name, publisher)| Arc::new(Relay::new(name, publisher, ports.clone())))
            .collect();
        for relay in &relays {
            let relay = Arc::clone(relay);
            jobs.spawn(async move { relay.run().await });
        }
        let digests = Arc::new(digests);
        let relay = Arc::clone(&digests);
        jobs.spawn(async move { relay.run().await });
        Self { jobs, relays, digests }
    }

    /// Waits until one ends by itself: a defect ended it, and somebody is told nothing any more. Returns the reason.
    pub(crate) async fn failed(&mut self) -> String {
        match self.jobs.join_next().await {
            Some(Err(error)) => error.to_string(),
            Some(Ok(())) | None => "it returned".to_owned(),
        }
    }

    /// Stops all relays, and gives their leases back, so that another instance goes on at once.
    pub(crate) async fn stop(mut self) {
        self.jobs.shutdown().await;
        for relay in self.relays {
            note(relay.release().await);
        }
        note(self.digests.release().await);
    }
}

fn note(released: Result<(), StoreError>) {
    if let Err(error) = released {
        tracing::debug!(%error, "a lease was not given back; it ends by itself");
    }
}

async fn follow(tail: Arc<EventTail>, clock: Arc<dyn Clock>, stored: Arc<Notify>) {
    tail.run(&*clock, &stored).await;
}
