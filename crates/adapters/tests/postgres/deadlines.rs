//! A database that does not answer, in part or at all: callers hear of it in time, and everything else goes on.

use std::process::Command as Program;
use std::sync::Arc;
use std::time::{Duration, Instant};

use earmark_adapters::postgres::PostgresStore;
use earmark_application::{
    CommandError, Decide, Engine, EngineSettings, Envelope, Health, NoMeter, Store, StoreError, Views,
};
use tokio::time::timeout;
use tokio_postgres::Client;

use crate::database::{Database, a_lock_is_awaited, clock, with_database};
use crate::shop::{allocate, assert_sound, attempt, context, create_batch, decision, place_order, run, sku};

/// Within which a caller must hear, whatever the server does.
const HEARD: Duration = Duration::from_secs(5);

/// How long a test of speed runs.
const MEASURED: Duration = Duration::from_secs(5);

/// Sessions of the service in the database of a test.
async fn sessions(outsider: &Client, which: &str) -> i64 {
    let query = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'earmark' \
         AND {which}"
    );
    outsider
        .query_one(&query, &[])
        .await
        .expect("the server answers")
        .get(0)
}

/// Waits until there are no such sessions.
async fn none_is_left(outsider: &Client, which: &str) {
    let gone = async {
        while sessions(outsider, which).await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(HEARD, gone).await.expect("they end in time");
}

/// Stops or continues the processes that serve the service's sessions.
async fn signal(outsider: &Client, signal: &str) -> Vec<i32> {
    let rows = outsider
        .query(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'earmark'",
            &[],
        )
        .await
        .expect("the server answers");
    let pids: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
    send(signal, &pids);
    pids
}

fn send(signal: &str, pids: &[i32]) {
    let sent = Program::new("kill")
        .arg(signal)
        .args(pids.iter().map(ToString::to_string))
        .status();
    assert!(
        sent.is_ok_and(|status| status.success()),
        "the processes are there, and this user may"
    );
}

/// Two lamps' worth of stock each, both cached.
async fn shop(database: &Database) -> PostgresStore {
    let store = database.store().await;
    for product in ["LAMP", "DESK", "CHAIR"] {
        run(&store, create_batch(&format!("B-{product}"), product, 1_000_000)).await;
        run(&store, allocate("O", product, 1)).await;
    }
    store
}

fn engine(store: &PostgresStore) -> Engine {
    let store = Arc::new(store.clone());
    let settings = EngineSettings::default();
    let (engine, lanes) = Engine::new(Arc::clone(&store) as _, store, clock(), Arc::new(NoMeter), settings);
    for lane in lanes {
        tokio::spawn(lane.run());
    }
    engine
}

fn envelope(order: &str, product: &str) -> Envelope {
    Envelope::from_service(allocate(order, product, 1), "a test")
}

/// How many commands on free products are answered in [`MEASURED`], while one caller in eight asks for the lamp. Each
/// caller hears in time.
async fn speed(engine: &Engine, name: &str, lamp_is_locked: bool) -> usize {
    let callers: Vec<_> = (0..16)
        .map(|caller| {
            let (engine, name) = (engine.clone(), name.to_owned());
            tokio::spawn(async move {
                let started = Instant::now();
                let mut answered = 0;
                for number in 0.. {
                    if started.elapsed() > MEASURED {
                        break;
                    }
                    let product = match caller {
                        0 | 8 => "LAMP",
                        1..8 => "DESK",
                        _ => "CHAIR",
                    };
                    let answer = engine.execute(envelope(&format!("{name}-{caller}-{number}"), product));
                    let answer = timeout(HEARD, answer).await.expect("an answer in time");
                    if product == "LAMP" && lamp_is_locked {
                        assert_eq!(answer, Err(CommandError::Unavailable));
                        // Clients that hear 503 wait before they send again.
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    } else {
                        answer.expect("it is stored");
                        answered += usize::from(product != "LAMP");
                    }
                }
                answered
            })
        })
        .collect();
    let mut answered = 0;
    for caller in callers {
        answered += caller.await.expect("no panic");
    }
    answered
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_forgotten_lock_on_one_product_slows_no_other_down() {
    with_database(async |database| {
        let store = shop(&database).await;
        let engine = engine(&store);
        speed(&engine, "warm", false).await;
        let before = speed(&engine, "before", false).await;
        let forgetful = database.outsider().await;
        forgetful
            .batch_execute("BEGIN; SELECT FROM products WHERE sku = 'LAMP' FOR UPDATE")
            .await
            .expect("it is locked");
        let locked = speed(&engine, "locked", true).await;
        eprintln!("{before} commands with no lock, {locked} with one product locked");
        // Every one of them was stored. Their rate is a figure and no test: a busy machine has any.
        assert!(locked * 10 >= before, "{locked} of {before}");
        forgetful.batch_execute("ROLLBACK").await.expect("it is free");
        let freed = async {
            while engine.execute(envelope("freed", "LAMP")).await.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(HEARD, freed).await.expect("it can be allocated again");
        assert_sound(&store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_others_have_locked_is_told_by_its_product() {
    with_database(async |database| {
        let store = shop(&database).await;
        let forgetful = database.outsider().await;
        forgetful
            .batch_execute("BEGIN; SELECT FROM batches WHERE reference = 'B-LAMP' FOR UPDATE")
            .await
            .expect("it is locked");
        for command in [allocate("O1", "LAMP", 1), place_order("O2", "LAMP", 2, 1)] {
            let error = attempt(&store, command).await.expect_err("it is locked");
            assert!(
                matches!(&error, StoreError::Locked(skus) if *skus == [sku("LAMP")].into()),
                "{error}"
            );
        }
        run(&store, allocate("O1", "DESK", 1)).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_and_questions_are_answered_in_time_while_a_table_is_locked() {
    with_database(async |database| {
        let store = shop(&database).await;
        let forgetful = database.outsider().await;
        forgetful
            .batch_execute("BEGIN; LOCK TABLE products")
            .await
            .expect("it is locked");
        let lamp = sku("LAMP");
        let (command, product, page) = timeout(HEARD, async {
            tokio::join!(
                attempt(&store, allocate("O1", "LAMP", 1)),
                store.product(&lamp, context().now),
                store.products(None, None, context().now, 10),
            )
        })
        .await
        .expect("all in time");
        command.expect_err("it is locked");
        product.expect_err("it is locked");
        page.expect_err("it is locked");
        store.ready().await.expect("the server answers");
        forgetful.batch_execute("ROLLBACK").await.expect("it is free");
        run(&store, allocate("O1", "LAMP", 1)).await;
        none_is_left(&forgetful, "state <> 'idle'").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_stops_behind_its_connections_holds_nobody_up() {
    with_database(async |database| {
        let store = shop(&database).await;
        let engine = engine(&store);
        assert_eq!(engine.stalled_for(), None);
        let outsider = database.outsider().await;
        let stopped = signal(&outsider, "-STOP").await;
        let caller = {
            let engine = engine.clone();
            tokio::spawn(async move { engine.execute(envelope("O1", "LAMP")).await })
        };
        tokio::time::sleep(Duration::from_millis(3_200)).await;
        let stalled = engine.stalled_for().expect("it waits");
        assert!(stalled > Duration::from_secs(3), "{stalled:?}");
        let answer = timeout(HEARD, caller).await.expect("in time").expect("no panic");
        assert_eq!(answer, Err(CommandError::Unavailable));
        // The lane goes on, on new connections, and what was asked for can be asked for again.
        let again = timeout(HEARD, engine.execute(envelope("O1", "LAMP")))
            .await
            .expect("in time");
        again.expect("it is stored");
        let product = timeout(HEARD, store.product(&sku("LAMP"), context().now))
            .await
            .expect("in time");
        drop(product);
        timeout(HEARD, store.product(&sku("LAMP"), context().now))
            .await
            .expect("in time")
            .expect("it answers");
        send("-CONT", &stopped);
        none_is_left(&outsider, "state <> 'idle'").await;
        assert_sound(&store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_commit_without_an_answer_is_found_when_the_command_is_sent_again() {
    with_database(async |database| {
        let store = shop(&database).await;
        // The commit waits for the numbering of events, behind an outsider; then the server stops, and stores the
        // command when it goes on.
        let outsider = database.outsider().await;
        let holder = database.outsider().await;
        holder
            .batch_execute("BEGIN; SELECT FROM products WHERE sku = 'LAMP' FOR UPDATE")
            .await
            .expect("it is locked");
        let transaction = {
            let store = store.clone();
            let command = allocate("O1", "LAMP", 4);
            tokio::spawn(async move { store.transact(&command.scope(), decision(command)).await })
        };
        a_lock_is_awaited(&outsider).await;
        let stopped = signal(&outsider, "-STOP").await;
        holder.batch_execute("ROLLBACK").await.expect("it is free");
        let unknown = timeout(HEARD, transaction).await.expect("in time").expect("no panic");
        assert!(matches!(unknown, Err(StoreError::Unavailable(_))), "{unknown:?}");
        send("-CONT", &stopped);
        none_is_left(&outsider, "state <> 'idle'").await;
        run(&store, allocate("O1", "LAMP", 4)).await;
        let product = store.product(&sku("LAMP"), context().now).await.expect("it answers");
        assert_eq!(product.expect("a product").summary.allocated.get(), 5);
        assert_sound(&store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_program_that_stands_still_in_a_transaction_loses_its_locks() {
    with_database(async |database| {
        let store = shop(&database).await;
        let command = create_batch("B2", "LAMP", 1);
        let other = database.store().await;
        // A decision under the locks that does not end: so a program that is frozen looks to the server.
        let frozen = {
            let (url, scope, decide) = (database.url(), command.scope(), decision(command));
            std::thread::spawn(move || {
                // A runtime of its own, whose threads stand still with it.
                let runtime = tokio::runtime::Runtime::new().expect("a runtime");
                runtime.block_on(async move {
                    // With nothing cached, it decides under the locks at once.
                    let store = PostgresStore::open(&url, 1, false, clock()).await.expect("it opens");
                    let decide: Decide = Arc::new(move |loaded| {
                        std::thread::sleep(HEARD);
                        decide(loaded)
                    });
                    store.transact(&scope, decide).await
                })
            })
        };
        let outsider = database.outsider().await;
        let locked = async {
            while sessions(&outsider, "state = 'idle in transaction'").await == 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(HEARD, locked).await.expect("it has its locks");
        let started = Instant::now();
        let freed = async {
            while let Err(why) = attempt(&other, allocate("O2", "LAMP", 1)).await {
                eprintln!("{why}, after {:?}", started.elapsed());
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(HEARD, freed).await.expect("it is free in time");
        assert!(
            started.elapsed() > Duration::from_secs(1),
            "it was locked for {:?}",
            started.elapsed()
        );
        let frozen = tokio::task::spawn_blocking(move || frozen.join()).await;
        let outcome = frozen.expect("no panic").expect("no panic");
        outcome.expect_err("it is not stored");
        assert_sound(&store).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn searches_that_find_nothing_make_neither_commands_nor_probes_wait() {
    with_database(async |database| {
        let store = PostgresStore::open(&database.url(), 10, true, clock()).await.expect("it opens");
        run(&store, create_batch("B1", "LAMP", 1_000_000)).await;
        let outsider = database.outsider().await;
        outsider
            .batch_execute(
                "INSERT INTO products (sku, name, version, batches_created) \
                 SELECT 'SKU-' || n, 'Product number ' || n, 0, 0 FROM generate_series(1, 60000) AS n; ANALYZE products",
            )
            .await
            .expect("they are stored");
        let searches: Vec<_> = (0..64)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    let found = store.products(Some("no such thing"), None, context().now, 50).await;
                    assert_eq!(found.expect("it answers").len(), 0);
                })
            })
            .collect();
        let mut slowest = Duration::ZERO;
        for number in 0..20 {
            let started = Instant::now();
            run(&store, allocate(&format!("O{number}"), "LAMP", 1)).await;
            store.ready().await.expect("it answers");
            slowest = slowest.max(started.elapsed());
        }
        let started = Instant::now();
        for search in searches {
            search.await.expect("no panic");
        }
        eprintln!("the slowest command took {slowest:?}, the searches went on for {:?}", started.elapsed());
        assert!(slowest < Duration::from_millis(500), "{slowest:?}");
    })
    .await;
}
