//! Pipelining: when a group is sent behind another that is not stored yet, how large it is, and what happens when that
//! fails.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use earmark_application::{
    Answer, CommandError, Decide, Decided, Engine, EngineSettings, Envelope, InFlight, InFlightSender, NoMeter, Store,
    StoreError,
};
use earmark_domain::{ChangeSet, Command, OrderId, Refusal, Scope};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, yield_now};

use crate::support::{NoWork, StoppedClock, queue};

/// What happens, in order, as a line each.
type Log = Arc<Mutex<Vec<String>>>;

/// A store that takes any number of pipelined transactions, and ends one for each permit. It does not call decisions:
/// each command gets the same answer.
#[derive(Clone)]
struct PipeliningStore {
    log: Log,
    ends: Arc<Semaphore>,
    begun: mpsc::UnboundedSender<()>,
    /// Whether it stores a transaction behind another one that is in flight.
    stores_behind: bool,
    /// Whether it sends a handle for a transaction in flight.
    sends_handles: bool,
}

impl PipeliningStore {
    async fn run(&self, how: &str, scope: &Scope, in_flight: Option<InFlightSender>) -> Decided {
        let commands = scope.orders.len();
        self.log.lock().expect("not poisoned").push(format!("{how} {commands}"));
        if let Some(in_flight) = in_flight.filter(|_| self.sends_handles) {
            drop(in_flight.send(Box::new(self.clone())));
        }
        self.begun.send(()).expect("the test listens");
        self.ends.acquire().await.expect("never closed").forget();
        self.log.lock().expect("not poisoned").push(format!("end {commands}"));
        Decided {
            changes: ChangeSet::default(),
            answers: (0..commands).map(|_| refusal()).collect(),
        }
    }
}

#[async_trait]
impl Store for PipeliningStore {
    async fn transact(&self, scope: &Scope, _: Decide) -> Result<Decided, StoreError> {
        Ok(self.run("begin", scope, None).await)
    }

    async fn transact_pipelined(
        &self,
        scope: &Scope,
        _: Decide,
        in_flight: InFlightSender,
    ) -> Result<Decided, StoreError> {
        Ok(self.run("begin", scope, Some(in_flight)).await)
    }
}

#[async_trait]
impl InFlight for PipeliningStore {
    async fn transact_next(self: Box<Self>, scope: &Scope, _: Decide, in_flight: InFlightSender) -> Option<Decided> {
        if self.stores_behind {
            return Some(self.run("pipelined", scope, Some(in_flight)).await);
        }
        let commands = scope.orders.len();
        self.log
            .lock()
            .expect("not poisoned")
            .push(format!("pipelined {commands} in vain"));
        self.begun.send(()).expect("the test listens");
        None
    }
}

fn refusal() -> Answer {
    Err(CommandError::Refused(Refusal::UnknownSku(Vec::new())))
}

/// An engine of one lane on such a store.
struct Fixture {
    engine: Engine,
    log: Log,
    ends: Arc<Semaphore>,
    begun: mpsc::UnboundedReceiver<()>,
    commands: usize,
    answers: Vec<JoinHandle<Answer>>,
}

impl Fixture {
    fn new(stores_behind: bool, sends_handles: bool) -> Self {
        let (begun_tx, begun) = mpsc::unbounded_channel();
        let (log, ends) = (Log::default(), Arc::new(Semaphore::new(0)));
        let store = PipeliningStore {
            log: log.clone(),
            ends: ends.clone(),
            begun: begun_tx,
            stores_behind,
            sends_handles,
        };
        let settings = EngineSettings::default();
        let (engine, lanes) = Engine::new(
            Arc::new(store),
            Arc::new(NoWork),
            Arc::new(StoppedClock),
            Arc::new(NoMeter),
            settings,
        );
        for lane in lanes {
            tokio::spawn(lane.run());
        }
        Self {
            engine,
            log,
            ends,
            begun,
            commands: 0,
            answers: Vec::new(),
        }
    }

    /// Queues commands, one after the other.
    async fn queue(&mut self, commands: usize) {
        for _ in 0..commands {
            self.commands += 1;
            let order = OrderId::new(format!("o-{:03}", self.commands)).expect("an order id");
            let envelope = Envelope::from_service(Command::CancelOrder(order), "test");
            let answer = queue(&self.engine, envelope).await;
            assert!(!answer.is_finished());
            self.answers.push(answer);
        }
    }

    /// Waits until a transaction has reached the store.
    async fn begun(&mut self) {
        self.begun.recv().await.expect("the store sends");
    }

    /// Lets all tasks go as far as they can, and returns the log.
    async fn log_when_idle(&self) -> Vec<String> {
        for _ in 0..50 {
            yield_now().await;
        }
        self.log.lock().expect("not poisoned").clone()
    }

    /// Ends so many transactions, waits for all answers, and returns the log.
    async fn end(self, transactions: usize) -> Vec<String> {
        self.ends.add_permits(transactions);
        for answer in self.answers {
            assert_eq!(answer.await.expect("no panic"), refusal());
        }
        self.log.lock().expect("not poisoned").clone()
    }
}

#[tokio::test]
async fn a_group_is_pipelined_once_it_is_as_large_as_the_one_in_flight() {
    let mut fixture = Fixture::new(true, true);
    fixture.queue(1).await;
    fixture.begun().await;
    fixture.queue(3).await;
    fixture.begun().await;
    assert_eq!(fixture.log_when_idle().await, ["begin 1", "pipelined 3"]);
    fixture.ends.add_permits(1);
    assert_eq!(fixture.log_when_idle().await, ["begin 1", "pipelined 3", "end 1"]);
    fixture.queue(2).await;
    assert_eq!(fixture.log_when_idle().await.len(), 3, "two are fewer than three");
    fixture.queue(1).await;
    fixture.begun().await;
    assert_eq!(fixture.end(2).await[3..], ["pipelined 3", "end 3", "end 3"]);
}

#[tokio::test]
async fn no_more_than_two_groups_are_in_flight() {
    let mut fixture = Fixture::new(true, true);
    fixture.queue(1).await;
    fixture.begun().await;
    fixture.queue(1).await;
    fixture.begun().await;
    fixture.queue(5).await;
    assert_eq!(fixture.log_when_idle().await, ["begin 1", "pipelined 1"]);
    fixture.ends.add_permits(1);
    fixture.begun().await;
    let log = fixture.end(2).await;
    assert_eq!(
        log,
        ["begin 1", "pipelined 1", "end 1", "pipelined 5", "end 1", "end 5"]
    );
}

#[tokio::test]
async fn a_smaller_group_is_run_when_the_one_in_flight_is_stored() {
    let mut fixture = Fixture::new(true, true);
    fixture.queue(3).await;
    fixture.begun().await;
    fixture.queue(2).await;
    assert_eq!(fixture.log_when_idle().await, ["begin 3"]);
    assert_eq!(fixture.end(2).await, ["begin 3", "end 3", "begin 2", "end 2"]);
}

#[tokio::test]
async fn a_group_that_could_not_be_pipelined_is_run_alone_before_later_commands() {
    let mut fixture = Fixture::new(false, true);
    fixture.queue(1).await;
    fixture.begun().await;
    fixture.queue(2).await;
    fixture.begun().await;
    fixture.queue(4).await;
    assert_eq!(fixture.log_when_idle().await, ["begin 1", "pipelined 2 in vain"]);
    let log = fixture.end(3).await;
    let expected = [
        "begin 1",
        "pipelined 2 in vain",
        "end 1",
        "begin 2",
        "end 2",
        "begin 4",
        "end 4",
    ];
    assert_eq!(log, expected);
}

#[tokio::test]
async fn nothing_is_pipelined_behind_a_transaction_without_a_handle() {
    let mut fixture = Fixture::new(true, false);
    fixture.queue(1).await;
    fixture.begun().await;
    fixture.queue(4).await;
    assert_eq!(fixture.log_when_idle().await, ["begin 1"]);
    assert_eq!(fixture.end(2).await, ["begin 1", "end 1", "begin 4", "end 4"]);
}

#[tokio::test]
async fn a_pipelined_group_is_answered_while_the_engine_drains() {
    let mut fixture = Fixture::new(true, true);
    fixture.queue(1).await;
    fixture.begun().await;
    fixture.queue(1).await;
    fixture.begun().await;
    fixture.engine.drain().await;
    let late = Envelope::from_service(Command::CancelOrder(OrderId::new("late").expect("an id")), "test");
    let engine = fixture.engine.clone();
    assert_eq!(fixture.end(2).await, ["begin 1", "pipelined 1", "end 1", "end 1"]);
    assert_eq!(engine.execute(late).await, Err(CommandError::ShuttingDown));
}
