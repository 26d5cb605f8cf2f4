//! Background work on products: one that fails does not stop the work of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use earmark_application::{
    Clock, Decide, Decided, DueOrder, Engine, EngineSettings, NoMeter, ProductJob, ProductWork, Store, StoreError,
    Worklist,
};
use earmark_domain::{Loaded, ProductRecord, Scope, ServiceRead, Sku};
use jiff::Timestamp;

use crate::support::{StoppedClock, sku};

/// How a product fails.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Corrupt,
    Unreachable,
}

/// A store of products without stock, some of which fail. It counts the attempts on each.
#[derive(Default)]
struct Products {
    faults: Mutex<BTreeMap<Sku, Fault>>,
    attempts: Mutex<BTreeMap<Sku, usize>>,
}

#[async_trait]
impl Store for Products {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        let sku = scope.skus.first().expect("the work names its product").clone();
        *self
            .attempts
            .lock()
            .expect("not poisoned")
            .entry(sku.clone())
            .or_default() += 1;
        match self.faults.lock().expect("not poisoned").get(&sku) {
            Some(Fault::Corrupt) => return Err(StoreError::Corrupt("a torn page".into())),
            Some(Fault::Unreachable) => return Err(StoreError::Unavailable("unplugged".into())),
            None => {}
        }
        Ok(decide(Loaded {
            products: vec![ProductRecord::new(sku.clone())],
            backlog: vec![ServiceRead { sku, until: None }],
            ..Loaded::default()
        })?)
    }
}

/// Every product has work pending for ever, in the order of this list.
struct Pending(Vec<Sku>);

#[async_trait]
impl Worklist for Pending {
    async fn products_changed_by_day(&self, _: jiff::civil::Date, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(Vec::new())
    }

    async fn products_with_pending_work(&self, limit: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(self.0.iter().take(limit).cloned().collect())
    }

    async fn products_with_due_holds(&self, _: Timestamp, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(Vec::new())
    }

    async fn due_orders(&self, _: &BTreeSet<Sku>, _: Timestamp, _: usize) -> Result<Vec<DueOrder>, StoreError> {
        Ok(Vec::new())
    }
}

/// A clock that the test sets.
#[derive(Default)]
struct SetClock(Mutex<Duration>);

#[async_trait]
impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        StoppedClock.now()
    }

    fn monotonic(&self) -> Duration {
        *self.0.lock().expect("not poisoned")
    }

    async fn pause(&self, time: Duration) {
        StoppedClock.pause(time).await;
    }
}

struct Fixture {
    store: Arc<Products>,
    clock: Arc<SetClock>,
    worklist: Arc<Pending>,
    engine: Engine,
    job: ProductJob,
}

impl Fixture {
    fn of(pending: &[&str]) -> Self {
        let (store, clock) = (Arc::<Products>::default(), Arc::<SetClock>::default());
        let worklist = Arc::new(Pending(pending.iter().map(|name| sku(name)).collect()));
        let settings = EngineSettings::default();
        let (engine, lanes) = Engine::new(
            store.clone(),
            worklist.clone(),
            clock.clone(),
            Arc::new(NoMeter),
            settings,
        );
        for lane in lanes {
            tokio::spawn(lane.run());
        }
        Self {
            store,
            clock,
            worklist,
            engine,
            job: ProductJob::new(ProductWork::Continue),
        }
    }

    fn fails(&self, name: &str, fault: Fault) {
        self.store.faults.lock().expect("not poisoned").insert(sku(name), fault);
    }

    async fn pass(&mut self) -> usize {
        let pass = self.job.pass(&self.engine, self.worklist.as_ref(), self.clock.as_ref());
        pass.await.expect("the worklist answers")
    }

    fn attempts(&self, name: &str) -> usize {
        let attempts = self.store.attempts.lock().expect("not poisoned");
        attempts.get(&sku(name)).copied().unwrap_or_default()
    }
}

#[tokio::test]
async fn a_product_whose_work_fails_does_not_stop_that_of_the_others() {
    let mut fixture = Fixture::of(&["BROKEN", "LAMP"]);
    fixture.fails("BROKEN", Fault::Corrupt);
    assert_eq!(fixture.pass().await, 1);
    assert_eq!(fixture.attempts("LAMP"), 1);
    assert_eq!(fixture.job.products_set_aside(), 1);
}

#[tokio::test]
async fn a_product_whose_work_fails_is_tried_again_after_a_wait_that_doubles_up_to_a_minute() {
    let mut fixture = Fixture::of(&["BROKEN"]);
    fixture.fails("BROKEN", Fault::Corrupt);
    let mut tried = Vec::new();
    for second in 0..200 {
        *fixture.clock.0.lock().expect("not poisoned") = Duration::from_secs(second);
        let before = fixture.attempts("BROKEN");
        fixture.pass().await;
        if fixture.attempts("BROKEN") > before {
            tried.push(second);
        }
    }
    assert_eq!(tried, [0, 1, 3, 7, 15, 31, 63, 123, 183]);
}

#[tokio::test]
async fn a_product_that_is_repaired_is_worked_on_as_before() {
    let mut fixture = Fixture::of(&["BROKEN"]);
    fixture.fails("BROKEN", Fault::Corrupt);
    assert_eq!(fixture.pass().await, 0);
    fixture.store.faults.lock().expect("not poisoned").clear();
    *fixture.clock.0.lock().expect("not poisoned") = Duration::from_secs(1);
    assert_eq!(fixture.pass().await, 1);
    assert_eq!(fixture.pass().await, 1);
    assert_eq!(fixture.job.products_set_aside(), 0);
}

#[tokio::test]
async fn more_broken_products_than_a_pass_goes_through_hide_no_other() {
    let names: Vec<String> = (0..250).map(|number| format!("BROKEN-{number}")).collect();
    let mut pending: Vec<&str> = names.iter().map(String::as_str).collect();
    pending.push("LAMP");
    let mut fixture = Fixture::of(&pending);
    for name in &names {
        fixture.fails(name, Fault::Corrupt);
    }
    for _ in 0..3 {
        fixture.pass().await;
    }
    assert_eq!(fixture.attempts("LAMP"), 1);
}

#[tokio::test]
async fn a_store_that_can_not_be_reached_ends_the_pass_and_the_next_begins_with_another_product() {
    let mut fixture = Fixture::of(&["LOCKED", "LAMP"]);
    fixture.fails("LOCKED", Fault::Unreachable);
    assert_eq!(fixture.pass().await, 0);
    assert_eq!(fixture.attempts("LAMP"), 0);
    assert_eq!(fixture.pass().await, 1);
    assert_eq!((fixture.attempts("LOCKED"), fixture.attempts("LAMP")), (1, 1));
}
