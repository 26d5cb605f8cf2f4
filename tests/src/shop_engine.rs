//! A shop with an engine: commands run as in the service, with a test clock and without background jobs.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use earmark_application::{
    Answer, CommandError, Engine, EngineSettings, Envelope, NoMeter, Principal, ProductJob, ProductWork, Roles,
    Worklist,
};
use earmark_domain::{Command, LineView, MessageId, Outcome, Refusal};
use futures::future::join_all;

use crate::databases::Db;
use crate::shop::Shop;

/// An engine on the store of a [`Shop`], which it dereferences to.
#[derive(Clone)]
pub struct ShopEngine {
    engine: Engine,
    shop: Shop,
}

impl Deref for ShopEngine {
    type Target = Shop;

    fn deref(&self) -> &Shop {
        &self.shop
    }
}

impl ShopEngine {
    /// Opens a shop on a database, with an engine.
    pub async fn open(db: &Db) -> Self {
        Self::of(Shop::open(db).await)
    }

    /// Starts an engine for a shop.
    #[must_use]
    pub fn of(shop: Shop) -> Self {
        let worklist = shop.reads.clone();
        Self::with_worklist(shop, worklist)
    }

    /// The same, with another worklist.
    #[must_use]
    pub fn with_worklist(shop: Shop, worklist: Arc<dyn Worklist>) -> Self {
        let (clock, meter) = (shop.clock.clone(), Arc::new(NoMeter));
        let settings = EngineSettings {
            // A machine that stands still for seconds is no fault of the code that is tried.
            answer_timeout: Duration::from_secs(60),
            promising: shop.promising,
            ..EngineSettings::default()
        };
        let (engine, lanes) = Engine::new(shop.store.clone(), worklist, clock, meter, settings);
        for lane in lanes {
            tokio::spawn(lane.run());
        }
        Self { engine, shop }
    }

    fn envelope(command: &Command) -> Envelope {
        if matches!(
            command,
            Command::Continue(_) | Command::ExpireHolds(_) | Command::PassDay(_)
        ) {
            return Envelope::from_service(command.clone(), "engine");
        }
        Envelope::new(
            command.clone(),
            Principal::new("tester", Roles::ALL),
            Arc::from("engine"),
        )
    }

    /// Runs a command.
    ///
    /// # Errors
    /// Why there is no outcome.
    pub async fn ask(&self, command: &Command) -> Answer {
        self.engine.execute(Self::envelope(command)).await
    }

    /// Runs commands that come at the same time, in this order: as many of them as can share transactions.
    pub async fn ask_together(&self, commands: &[Command]) -> Vec<Answer> {
        join_all(commands.iter().map(|command| self.ask(command))).await
    }

    /// Runs a command on the condition that its product has a version.
    ///
    /// # Errors
    /// Why there is no outcome.
    pub async fn ask_on(&self, version: u64, command: &Command) -> Answer {
        let envelope = Envelope {
            if_versions: Some(Arc::from([version])),
            ..Self::envelope(command)
        };
        self.engine.execute(envelope).await
    }

    /// Runs a command that a message carries.
    ///
    /// # Errors
    /// Why there is no outcome.
    pub async fn deliver(&self, message: &MessageId, command: &Command) -> Answer {
        let envelope = Envelope {
            message_id: Some(message.clone()),
            ..Self::envelope(command)
        };
        self.engine.execute(envelope).await
    }

    /// Previews a command.
    ///
    /// # Errors
    /// Why it would have no outcome.
    pub async fn preview(&self, command: &Command) -> Answer {
        let envelope = Envelope {
            preview: true,
            ..Self::envelope(command)
        };
        self.engine.execute(envelope).await
    }

    /// Runs a command that must succeed.
    ///
    /// # Panics
    /// When it does not.
    pub async fn done(&self, command: &Command) -> Outcome {
        let answer = self.ask(command).await;
        answer.unwrap_or_else(|error| unreachable!("{command:?} is answered with {error}"))
    }

    /// Runs commands that must succeed, one after the other.
    ///
    /// # Panics
    /// When one does not.
    pub async fn all_done(&self, commands: &[Command]) {
        for command in commands {
            self.done(command).await;
        }
    }

    /// Runs a command that must be refused.
    ///
    /// # Panics
    /// When it is not.
    pub async fn refused(&self, command: &Command) -> Refusal {
        match self.ask(command).await {
            Err(CommandError::Refused(refusal)) => refusal,
            answer => unreachable!("{command:?} is answered with {answer:?}"),
        }
    }

    /// Expires all due holds, as the background job does every second.
    ///
    /// # Panics
    /// When the store fails.
    pub async fn sweep(&self) {
        self.work(ProductWork::ExpireHolds).await;
    }

    /// Continues all pending work, as the background job does at once.
    ///
    /// # Panics
    /// When the store fails.
    pub async fn continue_work(&self) {
        self.work(ProductWork::Continue).await;
    }

    /// Tells what the day has changed, as the background job does at once.
    ///
    /// # Panics
    /// When the store fails.
    pub async fn pass_day(&self) {
        self.work(ProductWork::PassDay).await;
    }

    async fn work(&self, work: ProductWork) {
        let mut job = ProductJob::new(work);
        let mut passes = 0;
        while job
            .pass(&self.engine, self.reads.as_ref(), self.clock.as_ref())
            .await
            .expect("the store answers")
            > 0
        {
            passes += 1;
            assert!(passes < 10_000, "each pass does some of the work");
        }
    }

    /// The first line of an order as views show it now.
    ///
    /// # Panics
    /// When there is no such order.
    pub async fn line_of(&self, order: &str) -> LineView {
        self.order(order).await.view(self.now(), self.today()).lines.remove(0)
    }

    /// The allocations of an order's first line: batch and quantity, in preference order.
    pub async fn allocations_of(&self, order: &str) -> Vec<(String, u32)> {
        let parts = self.line_of(order).await.allocations.into_iter();
        parts
            .map(|part| (part.batch.to_string(), part.quantity.get()))
            .collect()
    }

    /// The available units of a batch.
    pub async fn available(&self, batch: &str) -> u64 {
        self.batch(batch).await.view().available.get()
    }

    /// The events after the first `seen` ones, each by its name and its order, without those of the given names.
    pub async fn events_since(&self, seen: usize, but: &[&str]) -> Vec<String> {
        let events = self.events().await;
        let since = events[seen..].iter().map(|event| &event.event);
        since
            .filter(|event| !but.contains(&event.fact.name()))
            .map(|event| match event.order() {
                Some(order) => format!("{} {order}", event.fact.name()),
                None => event.fact.name().to_owned(),
            })
            .collect()
    }
}
