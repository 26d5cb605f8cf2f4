//! The counter: the engine on some store, with a clock that is put forward by hand and nobody who sweeps unasked.

use std::ops::Deref;
use std::sync::Arc;

use earmark_application::{
    Answer, CommandError, Engine, EngineSettings, Envelope, NoMeter, Principal, Worklist, sweep_holds,
};
use earmark_domain::{Command, Outcome, Refusal};

use crate::databases::Db;
use crate::shop::Shop;

/// A counter of a shop. Used as the [`Shop`] behind it by those who look into the books.
#[derive(Clone)]
pub struct Counter {
    engine: Engine,
    shop: Shop,
}

impl Deref for Counter {
    type Target = Shop;

    fn deref(&self) -> &Shop {
        &self.shop
    }
}

impl Counter {
    /// Opens a counter on a database.
    pub async fn open(db: &Db) -> Self {
        Self::of(Shop::open(db).await)
    }

    /// Opens the counter of a shop.
    #[must_use]
    pub fn of(shop: Shop) -> Self {
        let worklist = shop.reads.clone();
        Self::with_worklist(shop, worklist)
    }

    /// The same, whose engine finds its work in a worklist of the test's own.
    #[must_use]
    pub fn with_worklist(shop: Shop, worklist: Arc<dyn Worklist>) -> Self {
        let (clock, meter) = (shop.clock.clone(), Arc::new(NoMeter));
        let (engine, lanes) = Engine::new(shop.store.clone(), worklist, clock, meter, EngineSettings::default());
        for lane in lanes {
            tokio::spawn(lane.run());
        }
        Self { engine, shop }
    }

    fn envelope(command: &Command) -> Envelope {
        Envelope::new(command.clone(), Principal::new("tester"), Arc::from("counter"))
    }

    /// Says a command and hears its answer.
    ///
    /// # Errors
    /// Why there is no outcome.
    pub async fn ask(&self, command: &Command) -> Answer {
        self.engine.execute(Self::envelope(command)).await
    }

    /// Says a command, if the product it is about has a version.
    ///
    /// # Errors
    /// Why there is no outcome.
    pub async fn ask_on(&self, version: u64, command: &Command) -> Answer {
        let envelope = Envelope {
            if_version: Some(version),
            ..Self::envelope(command)
        };
        self.engine.execute(envelope).await
    }

    /// Asks what a command would come to.
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

    /// Says a command that is expected to be done.
    ///
    /// # Panics
    /// When it is not.
    pub async fn done(&self, command: &Command) -> Outcome {
        let answer = self.ask(command).await;
        answer.unwrap_or_else(|error| unreachable!("{command:?} is answered with {error}"))
    }

    /// Says commands that are expected to be done, one after the other.
    ///
    /// # Panics
    /// When one is not.
    pub async fn all_done(&self, commands: &[Command]) {
        for command in commands {
            self.done(command).await;
        }
    }

    /// Says a command that is expected to be refused.
    ///
    /// # Panics
    /// When it is not.
    pub async fn refused(&self, command: &Command) -> Refusal {
        match self.ask(command).await {
            Err(CommandError::Refused(refusal)) => refusal,
            answer => unreachable!("{command:?} is answered with {answer:?}"),
        }
    }

    /// Makes it final that holds have ended, as the service does by itself every second.
    ///
    /// # Panics
    /// When the store does not let it.
    pub async fn sweep(&self) {
        while sweep_holds(&self.engine, self.reads.as_ref()).await.expect("holds end") > 0 {}
    }
}
