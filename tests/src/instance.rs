//! An instance of the service, as far as a store sees it: an engine with several lanes.

use std::sync::Arc;
use std::time::Duration;

use earmark_application::{Answer, CommandError, Engine, EngineSettings, Envelope, Lane, NoMeter, Principal, Roles};
use earmark_domain::{Command, Improve, MessageId, Promising};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::shop::Shop;

/// How often a command that is answered "busy" is sent again, before the test gives up.
const MAX_ATTEMPTS: usize = 10_000;

/// Lanes, queues and groups that are small enough for a test to reach their bounds.
const SETTINGS: EngineSettings = EngineSettings {
    lanes: 4,
    queue: 64,
    queue_timeout: Duration::ZERO,
    group: 16,
    // A crash case takes as long as it takes.
    answer_timeout: Duration::from_secs(60),
    promising: Promising {
        overdue_grace_days: Some(7),
        improve: Improve::AtRisk,
    },
};

/// An engine with its lanes running.
pub struct Instance {
    engine: Engine,
    lanes: JoinSet<()>,
}

impl Instance {
    /// Starts an engine on a shop's store.
    #[must_use]
    pub fn start(shop: &Shop) -> Self {
        let (engine, lanes) = Engine::new(
            shop.store.clone(),
            shop.reads.clone(),
            shop.clock.clone(),
            Arc::new(NoMeter),
            SETTINGS,
        );
        Self {
            engine,
            lanes: lanes.into_iter().map(Lane::run).collect(),
        }
    }

    /// A handle on the engine.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine.clone()
    }

    /// Runs a command, again as long as the answer is "busy".
    pub fn ask(&self, command: Command) -> impl Future<Output = Answer> + Send + use<> {
        self.send(command, None)
    }

    fn send(&self, command: Command, message: Option<MessageId>) -> impl Future<Output = Answer> + Send + use<> {
        let engine = self.engine.clone();
        async move {
            let envelope = Envelope {
                message_id: message,
                ..Envelope::new(command, Principal::new("tester", Roles::ALL), Arc::from("race"))
            };
            for _ in 0..MAX_ATTEMPTS {
                match engine.execute(envelope.clone()).await {
                    Err(CommandError::Busy) => tokio::task::yield_now().await,
                    answer => return answer,
                }
            }
            Err(CommandError::Busy)
        }
    }

    /// Drains the engine.
    pub async fn stop(mut self) {
        self.engine.drain().await;
        while let Some(lane) = self.lanes.join_next().await {
            lane.expect("a lane does not panic");
        }
    }
}

/// Runs all commands at once, each by its instance, and returns the answers in the order of the commands.
pub async fn race(commands: Vec<(&Instance, Command)>) -> Vec<Answer> {
    let commands = commands.into_iter();
    at_once(
        commands
            .map(|(instance, command)| instance.send(command, None))
            .collect(),
    )
    .await
}

/// The same with commands that messages carry.
pub async fn race_deliveries(deliveries: Vec<(&Instance, MessageId, Command)>) -> Vec<Answer> {
    let deliveries = deliveries.into_iter();
    at_once(
        deliveries
            .map(|(instance, message, command)| instance.send(command, Some(message)))
            .collect(),
    )
    .await
}

async fn at_once<F: Future<Output = Answer> + Send + 'static>(calls: Vec<F>) -> Vec<Answer> {
    let start = Arc::new(Barrier::new(calls.len()));
    let calls: Vec<_> = calls
        .into_iter()
        .map(|call| {
            let start = start.clone();
            tokio::spawn(async move {
                start.wait().await;
                call.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(calls.len());
    for call in calls {
        answers.push(call.await.expect("no panic"));
    }
    answers
}
