//! Holds that end without end: what a group does about them is bounded, and only the commands that touch their products
//! wait for the sweep.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    Answer, Clock, CommandError, Decide, Decided, DueOrder, Engine, EngineSettings, Envelope, Lane, NoMeter, Store,
    StoreError, Worklist,
};
use earmark_domain::{
    BatchRecord, Loaded, NextHold, OrderId, ProductRecord, Quantity, Reference, Scope, ServiceRead, Sku,
};
use jiff::Timestamp;

use crate::support::{StoppedClock, allocate, queue, sku};

/// A store with a LAMP whose holds are always due, however many are expired, and a CHAIR without holds. It stores
/// nothing, and notes how many orders each transaction names.
#[derive(Default)]
struct EndlessHolds {
    orders: Mutex<Vec<usize>>,
}

#[async_trait]
impl Store for EndlessHolds {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        self.orders.lock().expect("not poisoned").push(scope.orders.len());
        Ok(decide(loaded())?)
    }
}

fn loaded() -> Loaded {
    let skus = [sku("LAMP"), sku("CHAIR")];
    let batch = |of: &Sku| {
        let (reference, quantity) = (Reference::new(of.as_str()), Quantity::new(1_000));
        let (reference, quantity) = (reference.expect("a reference"), quantity.expect("a quantity"));
        BatchRecord::new(reference, of.clone(), 1, quantity, None)
    };
    let product = |of: &Sku| ProductRecord {
        version: 1,
        batches_created: 1,
        next_expiry: (*of == sku("LAMP")).then_some(Timestamp::UNIX_EPOCH),
        ..ProductRecord::new(of.clone())
    };
    let read = |of: &Sku| ServiceRead {
        sku: of.clone(),
        until: None,
    };
    Loaded {
        products: skus.iter().map(product).collect(),
        batches: skus.iter().map(batch).collect(),
        backlog: skus.iter().map(read).collect(),
        next_holds: vec![NextHold {
            sku: sku("LAMP"),
            at: Some(Timestamp::UNIX_EPOCH),
        }],
        ..Loaded::default()
    }
}

/// Always lists as many due orders as are wanted, each with so many lines; or fails.
struct DueOrders {
    lines: usize,
    fails: bool,
}

#[async_trait]
impl Worklist for DueOrders {
    async fn products_changed_by_day(&self, _: jiff::civil::Date, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(Vec::new())
    }

    async fn products_with_pending_work(&self, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(Vec::new())
    }

    async fn products_with_due_holds(&self, _: Timestamp, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(vec![sku("LAMP")])
    }

    async fn due_orders(&self, _: &BTreeSet<Sku>, _: Timestamp, limit: usize) -> Result<Vec<DueOrder>, StoreError> {
        if self.fails {
            return Err(StoreError::Unavailable("unplugged".into()));
        }
        let order = |number| DueOrder {
            id: OrderId::new(format!("due-{number}")).expect("an order id"),
            lines: self.lines,
        };
        Ok((0..limit).map(order).collect())
    }
}

/// A clock whose monotonic time passes by so many milliseconds each time it is read.
struct PassingClock {
    each: u64,
    millis: AtomicU64,
}

#[async_trait]
impl Clock for PassingClock {
    fn now(&self) -> Timestamp {
        StoppedClock.now()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.millis.fetch_add(self.each, Ordering::Relaxed))
    }

    async fn pause(&self, time: Duration) {
        StoppedClock.pause(time).await;
    }
}

struct Fixture {
    store: Arc<EndlessHolds>,
    engine: Engine,
    lanes: Vec<Lane>,
}

fn fixture(worklist: DueOrders, each: u64) -> Fixture {
    let store = Arc::<EndlessHolds>::default();
    let millis = AtomicU64::new(0);
    let (clock, meter) = (Arc::new(PassingClock { each, millis }), Arc::new(NoMeter));
    let settings = EngineSettings::default();
    let (engine, lanes) = Engine::new(store.clone(), Arc::new(worklist), clock, meter, settings);
    Fixture { store, engine, lanes }
}

impl Fixture {
    /// Runs commands in one group. Returns the answers.
    async fn run(&mut self, commands: Vec<Envelope>) -> Vec<Answer> {
        let mut answers = Vec::new();
        for command in commands {
            answers.push(queue(&self.engine, command).await);
        }
        for lane in self.lanes.drain(..) {
            tokio::spawn(lane.run());
        }
        let mut given = Vec::new();
        for answer in answers {
            given.push(answer.await.expect("no panic"));
        }
        given
    }

    /// The orders that each transaction named.
    fn orders(&self) -> Vec<usize> {
        self.store.orders.lock().expect("not poisoned").clone()
    }
}

const ONE_LINE: DueOrders = DueOrders { lines: 1, fails: false };

fn commands() -> Vec<Envelope> {
    vec![
        allocate("o1", "LAMP", 1),
        allocate("o2", "CHAIR", 1),
        allocate("o3", "LAMP", 1),
        allocate("o4", "CHAIR", 1),
    ]
}

#[tokio::test]
async fn while_holds_end_without_end_only_the_commands_on_their_product_are_answered_busy() {
    let mut fixture = fixture(ONE_LINE, 0);
    let answers = fixture.run(commands()).await;
    let busy = Err(CommandError::Busy);
    assert!(answers[1].is_ok() && answers[3].is_ok(), "{answers:?}");
    assert_eq!((&answers[0], &answers[2]), (&busy, &busy));
    // The decision, the most pages of holds, and the decision of the rest.
    let (decisions, pages): (Vec<usize>, Vec<usize>) = fixture.orders().into_iter().partition(|orders| *orders == 0);
    assert_eq!((decisions.len(), pages), (2, vec![100; 64]));
    // The sweep is woken.
    fixture.engine.holds_due().await;
}

#[tokio::test]
async fn a_group_expires_holds_for_a_tenth_of_a_second_and_at_least_a_page() {
    for (each, pages) in [(5_000, 1), (20, 2), (1, 34)] {
        let mut fixture = fixture(ONE_LINE, each);
        let answers = fixture.run(commands()).await;
        assert_eq!(answers[0], Err(CommandError::Busy));
        let expiries = fixture.orders().iter().filter(|orders| **orders > 0).count();
        assert!(
            (pages / 2..=pages * 2).contains(&expiries),
            "{expiries} pages at {each} ms a reading"
        );
    }
}

#[tokio::test]
async fn a_page_of_holds_is_bounded_by_the_lines_of_its_orders() {
    for (lines, orders) in [(1, 100), (3, 100), (100, 3), (200, 1), (2_000, 1)] {
        let mut fixture = fixture(DueOrders { lines, fails: false }, 5_000);
        fixture.run(commands()).await;
        assert_eq!(fixture.orders(), [0, orders, 0], "{lines} lines an order");
    }
}

#[tokio::test]
async fn when_due_holds_cannot_be_expired_only_the_commands_on_their_product_fail() {
    let worklist = DueOrders { lines: 1, fails: true };
    let answers = fixture(worklist, 0).run(commands()).await;
    assert_eq!(answers[0], Err(CommandError::Unavailable));
    assert!(answers[1].is_ok(), "{answers:?}");
}
