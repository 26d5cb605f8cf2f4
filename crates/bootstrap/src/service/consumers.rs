//! The consumers: a task for each source that commands come from.

use std::future::pending;
use std::sync::Arc;

use earmark_application::{
    CommandSource, Consumer, ConsumerMeter, ConsumerPorts, MessageFormat, Principal, SourceName,
};
use tokio::task::JoinSet;

use crate::app::App;

/// A source of commands.
pub(crate) struct Source {
    /// Its name: the actor of the events that its commands cause, and what its dead messages are found by.
    pub(crate) name: SourceName,
    /// Whom its messages stand for.
    pub(crate) principal: Principal,
    /// Where it is, without what is secret.
    pub(crate) address: String,
    /// What delivers its messages.
    pub(crate) source: Arc<dyn CommandSource>,
    /// What reads them.
    pub(crate) format: Arc<dyn MessageFormat>,
}

/// The running consumers. Dropping it stops them.
pub(crate) struct Consumers {
    jobs: JoinSet<()>,
    consumers: Vec<Arc<Consumer>>,
}

impl Consumers {
    /// Starts to take commands from these sources.
    pub(crate) fn start(app: &App, sources: Vec<Source>, meter: &Arc<dyn ConsumerMeter>) -> Self {
        let ports = ConsumerPorts {
            engine: app.engine.clone(),
            inbox: Arc::clone(&app.ports.inbox),
            clock: Arc::clone(&app.ports.clock),
            ids: Arc::clone(&app.ports.ids),
            meter: Arc::clone(meter),
        };
        let consumers: Vec<Arc<Consumer>> = sources
            .into_iter()
            .map(|source| {
                tracing::info!(source = %source.name, address = source.address, "commands are taken");
                let consumer = Consumer::new(source.name, source.source, source.format, ports.clone());
                Arc::new(consumer.standing_for(source.principal))
            })
            .collect();
        let mut jobs = JoinSet::new();
        for consumer in &consumers {
            let consumer = Arc::clone(consumer);
            jobs.spawn(async move { consumer.run().await });
        }
        Self { jobs, consumers }
    }

    /// Waits until one ends by itself: a defect ended it, and the commands of its source are not carried out any more.
    /// Returns the reason.
    pub(crate) async fn failed(&mut self) -> String {
        match self.jobs.join_next().await {
            Some(Err(error)) => error.to_string(),
            Some(Ok(())) => "it returned".to_owned(),
            None => pending().await,
        }
    }

    /// Takes no more messages, and finishes those that were received.
    pub(crate) async fn stop(mut self) {
        for consumer in &self.consumers {
            consumer.drain();
        }
        while let Some(ended) = self.jobs.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a consumer failed while it stopped");
            }
        }
    }
}
