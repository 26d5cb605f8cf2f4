//! A crew: an engine at work on a shop's books.

use std::sync::Arc;
use std::time::Duration;

use earmark_application::{Answer, CommandError, Engine, EngineSettings, Envelope, NoMeter, Principal};
use earmark_domain::{Command, Promising};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::shop::Shop;

/// How often a command is sent again that was answered "busy", before the test gives up.
const MOST_ATTEMPTS: usize = 10_000;

/// Lanes, queues and groups small enough that a test meets their bounds.
const SETTINGS: EngineSettings = EngineSettings {
    lanes: 4,
    queue: 64,
    queue_timeout: Duration::ZERO,
    group: 16,
    promising: Promising {
        overdue_grace_days: None,
    },
};

/// An engine with its lanes running.
pub struct Crew {
    engine: Engine,
    lanes: JoinSet<()>,
}

impl Crew {
    /// Puts an engine to work on a shop's books.
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
            lanes: lanes.into_iter().map(earmark_application::Lane::run).collect(),
        }
    }

    /// A handle on the engine.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine.clone()
    }

    /// Asks for a command, again as long as the answer is "busy".
    pub fn ask(&self, command: Command) -> impl Future<Output = Answer> + Send + use<> {
        let engine = self.engine.clone();
        async move {
            let envelope = Envelope {
                command,
                principal: Principal::new("racer"),
                message_id: None,
                if_version: None,
                preview: false,
                correlation_id: Arc::from("race"),
            };
            for _ in 0..MOST_ATTEMPTS {
                match engine.execute(envelope.clone()).await {
                    Err(CommandError::Busy) => tokio::task::yield_now().await,
                    answer => return answer,
                }
            }
            Err(CommandError::Busy)
        }
    }

    /// Lets the engine finish what waits.
    pub async fn stop(mut self) {
        self.engine.drain().await;
        while let Some(lane) = self.lanes.join_next().await {
            lane.expect("a lane does not panic");
        }
    }
}

/// Asks all of these at once, each by its crew, and tells the answers in the order of the commands.
pub async fn race(racers: Vec<(&Crew, Command)>) -> Vec<Answer> {
    let start = Arc::new(Barrier::new(racers.len()));
    let racers: Vec<_> = racers
        .into_iter()
        .map(|(crew, command)| {
            let (asked, start) = (crew.ask(command), start.clone());
            tokio::spawn(async move {
                start.wait().await;
                asked.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(racers.len());
    for racer in racers {
        answers.push(racer.await.expect("a racer is answered"));
    }
    answers
}
