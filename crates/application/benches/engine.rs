//! The cost of the engine without a database: the queue, the group, the decision and the answer.
//!
//! Some callers send one command at a time each, on a runtime with two threads. The figure is the elapsed time per
//! command, so its rate is the engine's throughput. The store either answers at once, which leaves the engine's own cost,
//! or takes as long as a database transaction does, which shows how well groups form.

#![expect(clippy::disallowed_methods, reason = "a benchmark measures time")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use async_trait::async_trait;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use earmark_application::{
    Clock, Decide, Decided, DueOrder, Engine, EngineSettings, Envelope, NoMeter, Principal, Roles, Store, StoreError,
    Worklist,
};
use earmark_domain::{
    Allocate, BatchRecord, Command, LineId, LineKey, LineRequest, Loaded, Locations, OnShortage, OrderId,
    ProductRecord, Quantity, Reference, Scope, Sku,
};
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::task::{JoinSet, spawn_blocking};

/// The number of products.
const PRODUCTS: usize = 1_000;

/// How long a transaction of the slow store takes, and how much longer for each command in it: about what a database on
/// the same machine takes.
const TRANSACTION: Duration = Duration::from_micros(1_500);
const COMMAND: Duration = Duration::from_micros(30);

/// A store whose products never run out: it stores nothing.
struct EndlessStock {
    products: BTreeMap<Sku, (ProductRecord, BatchRecord)>,
    /// Whether a transaction takes as long as one of a database.
    is_slow: bool,
}

impl EndlessStock {
    fn new(is_slow: bool) -> Self {
        let products = (0..PRODUCTS)
            .map(|number| {
                let sku = sku(number);
                let product = ProductRecord {
                    version: 1,
                    batches_created: 1,
                    ..ProductRecord::new(sku.clone())
                };
                let batch = BatchRecord::new(
                    Reference::new(format!("PO-{number:05}")).expect("a reference"),
                    sku.clone(),
                    1,
                    Quantity::new(1_000_000).expect("a quantity"),
                    None,
                );
                (sku, (product, batch))
            })
            .collect();
        Self { products, is_slow }
    }
}

#[async_trait]
impl Store for EndlessStock {
    async fn transact(&self, scope: &Scope, decide: Decide) -> Result<Decided, StoreError> {
        let mut loaded = Loaded::default();
        for (product, batch) in scope.skus.iter().filter_map(|sku| self.products.get(sku)) {
            loaded.products.push(product.clone());
            loaded.batches.push(batch.clone());
        }
        let decided = decide(loaded)?;
        if self.is_slow {
            let commands = u32::try_from(decided.answers.len()).expect("a small number");
            // A thread's sleep: the timers of a runtime are good to a millisecond only.
            spawn_blocking(move || thread::sleep(TRANSACTION + COMMAND * commands))
                .await
                .expect("sleeping does not fail");
        }
        Ok(decided)
    }
}

/// A worklist without work.
struct NoWork;

#[async_trait]
impl Worklist for NoWork {
    async fn products_with_pending_work(&self, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(Vec::new())
    }

    async fn products_changed_by_day(&self, _: jiff::civil::Date, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(Vec::new())
    }

    async fn products_with_due_holds(&self, _: Timestamp, _: usize) -> Result<Vec<Sku>, StoreError> {
        Ok(Vec::new())
    }

    async fn due_orders(&self, _: &BTreeSet<Sku>, _: Timestamp, _: usize) -> Result<Vec<DueOrder>, StoreError> {
        Ok(Vec::new())
    }
}

/// The system clock.
struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::UNIX_EPOCH.elapsed().expect("after 1970");
        Timestamp::from_microsecond(i64::try_from(since.as_micros()).expect("of this age")).expect("an instant")
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn pause(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

fn sku(number: usize) -> Sku {
    Sku::new(format!("SKU-{number:05}")).expect("a SKU")
}

/// The command of the `number`th request: it allocates one unit of one of so many products.
fn envelope(number: usize, products: usize) -> Envelope {
    // A stride that reaches every product.
    let sku = sku(number * 7 % products);
    let command = Command::Allocate(Allocate {
        line: LineRequest {
            key: LineKey {
                order: OrderId::new(format!("ORDER-{number:012}")).expect("an order id"),
                line: LineId::from(&sku),
            },
            sku,
            quantity: Quantity::new(1).expect("a quantity"),
        },
        locations: Locations::ANY,
        on_shortage: OnShortage::Reject,
        split: false,
        without_grace: false,
    });
    let correlation_id = Arc::from(format!("01890a5d-ac96-774b-bcce-{number:012}"));
    Envelope::new(command, Principal::new("api", Roles::ALL), correlation_id)
}

/// How long so many callers take for so many commands together.
fn run(runtime: &Runtime, engine: &Engine, callers: usize, products: usize, commands: u64) -> Duration {
    let left = Arc::new(AtomicUsize::new(usize::try_from(commands).expect("a usize")));
    runtime.block_on(async {
        let mut running = JoinSet::new();
        let begun = Instant::now();
        for _ in 0..callers {
            let (engine, left) = (engine.clone(), Arc::clone(&left));
            running.spawn(async move {
                let next = || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
                while let Ok(number) = next() {
                    let answer = engine.execute(envelope(number, products)).await;
                    answer.expect("stock is endless");
                }
            });
        }
        while let Some(ended) = running.join_next().await {
            ended.expect("a caller does not panic");
        }
        begun.elapsed()
    })
}

fn measure(criterion: &mut Criterion, name: &str, is_slow: bool, callers: &[usize]) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(1));
    for lanes in [1, 2] {
        let settings = EngineSettings {
            lanes,
            ..EngineSettings::default()
        };
        let store = Arc::new(EndlessStock::new(is_slow));
        let (engine, lanes_to_run) = Engine::new(
            store,
            Arc::new(NoWork),
            Arc::new(SystemClock),
            Arc::new(NoMeter),
            settings,
        );
        for lane in lanes_to_run {
            runtime.spawn(lane.run());
        }
        for (products, load) in [(PRODUCTS, "many_skus"), (1, "one_hot_sku")] {
            for &callers in callers {
                let id = BenchmarkId::new(format!("{load}/{lanes}_lanes"), callers);
                group.bench_function(id, |bencher| {
                    bencher.iter_custom(|commands| run(&runtime, &engine, callers, products, commands));
                });
            }
        }
        runtime.block_on(engine.drain());
    }
    group.finish();
}

fn instant_store(criterion: &mut Criterion) {
    measure(criterion, "store_that_answers_at_once", false, &[1, 64, 256]);
}

fn slow_store(criterion: &mut Criterion) {
    measure(criterion, "store_that_is_slow", true, &[1, 8, 64, 256]);
}

criterion_group!(engine, instant_store, slow_store);
criterion_main!(engine);
