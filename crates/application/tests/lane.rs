//! Groups that follow one another: when the next one goes, what it has, and what becomes of one that can't follow.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    Answer, Clock, CommandError, Decide, Decided, Engine, EngineSettings, Envelope, InFlight, InFlightSender, NoMeter,
    Store, StoreError, Worklist,
};
use earmark_domain::{ChangeSet, Command, OrderId, Refusal, Scope, Sku};
use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{JoinHandle, yield_now};

/// What happens, in its order, as a line each.
type Log = Arc<Mutex<Vec<String>>>;

/// A store that takes any number of transactions one behind the other, and ends one each time it is let. It does not ask
/// for decisions: each command gets the same answer.
#[derive(Clone)]
struct Patient {
    log: Log,
    ends: Arc<Semaphore>,
    begun: mpsc::UnboundedSender<()>,
    /// Whether it stores what follows another, or leaves it to be run on its own.
    lets_follow: bool,
    /// Whether it says that a transaction is under way.
    announces: bool,
}

impl Patient {
    async fn run(&self, how: &str, scope: &Scope, in_flight: Option<InFlightSender>) -> Decided {
        let commands = scope.orders.len();
        self.log.lock().expect("sound").push(format!("{how} {commands}"));
        if let Some(in_flight) = in_flight.filter(|_| self.announces) {
            drop(in_flight.send(Box::new(self.clone())));
        }
        self.begun.send(()).expect("the test listens");
        self.ends.acquire().await.expect("never closed").forget();
        self.log.lock().expect("sound").push(format!("end {commands}"));
        Decided {
            changes: ChangeSet::default(),
            answers: (0..commands).map(|_| told()).collect(),
        }
    }
}

#[async_trait]
impl Store for Patient {
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
impl InFlight for Patient {
    async fn transact_next(self: Box<Self>, scope: &Scope, _: Decide, in_flight: InFlightSender) -> Option<Decided> {
        if self.lets_follow {
            return Some(self.run("follow", scope, Some(in_flight)).await);
        }
        let commands = scope.orders.len();
        self.log
            .lock()
            .expect("sound")
            .push(format!("follow {commands} in vain"));
        self.begun.send(()).expect("the test listens");
        None
    }
}

fn told() -> Answer {
    Err(CommandError::Refused(Refusal::UnknownSku(Vec::new())))
}

/// No background work is ever found.
struct NoWork;

#[async_trait]
impl Worklist for NoWork {
    async fn products_with_pending_backlog(&self, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(Vec::new())
    }

    async fn products_with_due_holds(&self, _: Timestamp, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(Vec::new())
    }

    async fn due_orders(&self, _: &BTreeSet<Sku>, _: Timestamp, _: usize) -> Result<Vec<OrderId>, StoreError> {
        Ok(Vec::new())
    }
}

struct Wall;

#[async_trait]
impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

struct House {
    engine: Engine,
    log: Log,
    ends: Arc<Semaphore>,
    begun: mpsc::UnboundedReceiver<()>,
    asked: usize,
    answers: Vec<JoinHandle<Answer>>,
}

impl House {
    fn open(lets_follow: bool, announces: bool) -> Self {
        let (begun_tx, begun) = mpsc::unbounded_channel();
        let (log, ends) = (Log::default(), Arc::new(Semaphore::new(0)));
        let store = Patient {
            log: log.clone(),
            ends: ends.clone(),
            begun: begun_tx,
            lets_follow,
            announces,
        };
        let settings = EngineSettings::default();
        let (engine, lanes) = Engine::new(
            Arc::new(store),
            Arc::new(NoWork),
            Arc::new(Wall),
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
            asked: 0,
            answers: Vec::new(),
        }
    }

    /// Commands enter the queue one after the other.
    async fn ask(&mut self, commands: usize) {
        for _ in 0..commands {
            self.asked += 1;
            let engine = self.engine.clone();
            let order = OrderId::new(format!("o-{:03}", self.asked)).expect("an order id");
            let envelope = Envelope::from_service(Command::CancelOrder(order), "test");
            let mut asking = Box::pin(async move { engine.execute(envelope).await });
            // Polled once, it stands in the queue.
            let polled = std::future::poll_fn(|context| Poll::Ready(asking.as_mut().poll(context))).await;
            assert!(polled.is_pending());
            self.answers.push(tokio::spawn(asking));
        }
    }

    async fn begun(&mut self) {
        self.begun.recv().await.expect("the store is there");
    }

    /// Gives everybody a turn who could do something now, and tells what has happened.
    async fn settled(&self) -> Vec<String> {
        for _ in 0..50 {
            yield_now().await;
        }
        self.log.lock().expect("sound").clone()
    }

    async fn end(self, transactions: usize) -> Vec<String> {
        self.ends.add_permits(transactions);
        for answer in self.answers {
            assert_eq!(answer.await.expect("nobody panics"), told());
        }
        self.log.lock().expect("sound").clone()
    }
}

#[tokio::test]
async fn as_many_as_the_group_has_that_is_being_stored_follow_it_and_fewer_wait() {
    let mut house = House::open(true, true);
    house.ask(1).await;
    house.begun().await;
    house.ask(3).await;
    house.begun().await;
    assert_eq!(house.settled().await, ["begin 1", "follow 3"]);
    house.ends.add_permits(1);
    assert_eq!(house.settled().await, ["begin 1", "follow 3", "end 1"]);
    house.ask(2).await;
    assert_eq!(house.settled().await.len(), 3, "two are fewer than three");
    house.ask(1).await;
    house.begun().await;
    assert_eq!(house.end(2).await[3..], ["follow 3", "end 3", "end 3"]);
}

#[tokio::test]
async fn no_more_than_two_groups_are_under_way() {
    let mut house = House::open(true, true);
    house.ask(1).await;
    house.begun().await;
    house.ask(1).await;
    house.begun().await;
    house.ask(5).await;
    assert_eq!(house.settled().await, ["begin 1", "follow 1"]);
    house.ends.add_permits(1);
    house.begun().await;
    let log = house.end(2).await;
    assert_eq!(log, ["begin 1", "follow 1", "end 1", "follow 5", "end 1", "end 5"]);
}

#[tokio::test]
async fn those_who_are_fewer_go_when_the_group_before_is_stored() {
    let mut house = House::open(true, true);
    house.ask(3).await;
    house.begun().await;
    house.ask(2).await;
    assert_eq!(house.settled().await, ["begin 3"]);
    assert_eq!(house.end(2).await, ["begin 3", "end 3", "begin 2", "end 2"]);
}

#[tokio::test]
async fn what_can_not_follow_is_run_when_the_group_before_is_settled_and_before_those_who_came_later() {
    let mut house = House::open(false, true);
    house.ask(1).await;
    house.begun().await;
    house.ask(2).await;
    house.begun().await;
    house.ask(4).await;
    assert_eq!(house.settled().await, ["begin 1", "follow 2 in vain"]);
    let log = house.end(3).await;
    let expected = [
        "begin 1",
        "follow 2 in vain",
        "end 1",
        "begin 2",
        "end 2",
        "begin 4",
        "end 4",
    ];
    assert_eq!(log, expected);
}

#[tokio::test]
async fn nobody_follows_a_transaction_that_is_not_announced() {
    let mut house = House::open(true, false);
    house.ask(1).await;
    house.begun().await;
    house.ask(4).await;
    assert_eq!(house.settled().await, ["begin 1"]);
    assert_eq!(house.end(2).await, ["begin 1", "end 1", "begin 4", "end 4"]);
}

#[tokio::test]
async fn draining_lets_what_follows_end_too() {
    let mut house = House::open(true, true);
    house.ask(1).await;
    house.begun().await;
    house.ask(1).await;
    house.begun().await;
    house.engine.drain().await;
    let late = Envelope::from_service(Command::CancelOrder(OrderId::new("late").expect("an id")), "test");
    let engine = house.engine.clone();
    assert_eq!(house.end(2).await, ["begin 1", "follow 1", "end 1", "end 1"]);
    assert_eq!(engine.execute(late).await, Err(CommandError::ShuttingDown));
}
