//! Instances of two versions on one PostgreSQL, under load.
//!
//! There are two halves. What this version is to the next one: it works on beside a schema that has had a migration, of all
//! that the rule allows (`architecture::living_beside`). And what it is to the one before: `EARMARK_TEST_PREVIOUS` names the
//! binary of that, which is replaced while all order; without it, this binary is both.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use earmark_tests::architecture::{Violation, living_beside};
use earmark_tests::databases::{Database, OwnPostgres};
use earmark_tests::service::{Client, Service, earmark, until};
use reqwest::Method;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::books::on_postgres::run;

/// The binary of the version before.
const PREVIOUS: &str = "EARMARK_TEST_PREVIOUS";

/// Callers of each instance.
const CALLERS: usize = 4;

/// Orders that are acknowledged in each part of a case.
const PART: usize = 200;

/// Between two orders of a caller: an instance takes seconds to start, and meanwhile they go on.
const PAUSE: Duration = Duration::from_millis(10);

/// A migration of the next version, with all that the rule allows.
const NEXT: &str = "
    ALTER TABLE products ADD COLUMN colour text NOT NULL DEFAULT '';
    ALTER TABLE batches ADD COLUMN supplier text;
    ALTER TABLE orders ADD COLUMN gift boolean NOT NULL DEFAULT false;
    ALTER TABLE lines ADD COLUMN wrapping text CHECK (length(wrapping) < 10);
    ALTER TABLE further_allocations ADD COLUMN note text;
    ALTER TABLE events ADD COLUMN region text NOT NULL DEFAULT 'here';
    ALTER TABLE subscriptions ADD COLUMN note text;
    ALTER TABLE idempotency_keys ADD COLUMN note text;
    CREATE INDEX lines_by_wrapping ON lines (wrapping) WHERE wrapping IS NOT NULL;
    CREATE TABLE suppliers (name text PRIMARY KEY, since timestamptz NOT NULL);
    CREATE FUNCTION place_lines_and_wrap() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$;
    INSERT INTO __diesel_schema_migrations (version) VALUES ('9999')";

/// Callers who order from an instance until they are told to stop.
struct Callers {
    tasks: JoinSet<Vec<String>>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
}

impl Callers {
    fn begin(name: &str, service: &Service) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let callers = (0..CALLERS).map(|number| {
            let name = format!("{name}-{number}");
            order(name, service.client(), Arc::clone(&stop), Arc::clone(&acknowledged))
        });
        Self {
            tasks: callers.collect(),
            stop,
            acknowledged,
        }
    }

    async fn more(&self) {
        let enough = self.acknowledged.load(Ordering::Relaxed) + PART;
        until("orders are acknowledged", async || {
            (self.acknowledged.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
    }

    /// The orders that were acknowledged.
    async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().flatten().collect()
    }
}

/// Orders, of one product that all want. Each answer is the one that is wanted.
async fn order(name: String, client: Client, stop: Arc<AtomicBool>, acknowledged: Arc<AtomicUsize>) -> Vec<String> {
    let mut orders = Vec::new();
    for at in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let order = format!("{name}-{at}");
        let reply = if at % 3 == 0 {
            let lines = json!([{"sku": "LAMP", "quantity": 1}, {"sku": "CHAIR", "quantity": 2}]);
            client
                .post("/v1/orders", &json!({"order_id": order, "lines": lines}))
                .await
        } else {
            client.allocate(&order, "LAMP", 1).await
        };
        let _ = reply.answers(201);
        if at % 5 == 0 {
            let headers = [("content-type", "application/json")];
            let path = format!("/v1/orders/{order}");
            let cancelled = client.send(Method::DELETE, &path, &headers, Vec::new()).await;
            let _ = cancelled.answers(200);
        }
        orders.push(order);
        sleep(PAUSE).await;
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    orders
}

async fn stock(client: &Client) {
    for (reference, sku) in [("B1", "LAMP"), ("B2", "CHAIR")] {
        client.buy(reference, sku, 1_000_000).await;
    }
}

/// Checks that all orders are there.
async fn all_there(client: &Client, orders: Vec<String>) {
    let events = client.events().await;
    let told: BTreeSet<&str> = events.iter().filter_map(|event| event["order_id"].as_str()).collect();
    for order in orders {
        assert!(told.contains(&*order), "{order} was acknowledged");
    }
}

#[test]
fn the_migration_of_the_next_version_is_one_that_the_rule_allows() {
    assert_eq!(living_beside::check("9999", NEXT), [] as [Violation; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn this_version_works_on_beside_the_schema_of_the_next_and_is_refused_at_a_new_start() {
    let server = OwnPostgres::start().await;
    let service = Service::start(&server.url()).await;
    let client = service.client();
    stock(&client).await;
    let callers = Callers::begin("order", &service);
    callers.more().await;
    // As a migration is run: in one transaction. Those who order may be in its way, and it tries again.
    until("the schema is that of the next version", async || {
        let sql = format!("BEGIN; SET LOCAL lock_timeout = '2s'; {NEXT}; COMMIT");
        let mut shell = server.shell();
        shell.arg(format!(
            "psql -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 <<'SQL'\n{sql}\nSQL"
        ));
        shell.status().expect("a shell runs").success().then_some(())
    })
    .await;
    callers.more().await;
    // Each kind of command, on sessions that are new and old.
    client.buy("B3", "LAMP", 5).await;
    let _ = client.count("B3", 3).await.answers(200);
    let _ = client
        .put("/v1/products/LAMP", &json!({"name": "lamp"}))
        .await
        .answers(200);
    let _ = client
        .put("/v1/products/STOOL", &json!({"name": "stool"}))
        .await
        .answers(200);
    assert_eq!(client.allocate_or_wait("waits", "STOOL", 1).await.status, 202);
    client.buy("B4", "STOOL", 1).await;
    let whole = client.post("/v1/orders/waits/dispatch", &json!({})).await;
    let _ = whole.answers(200);
    let orders = callers.end().await;

    for command in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["migrate", "--check"],
        &["verify"],
    ] {
        let told = earmark(&server.url(), command).await.ended_with(1).err;
        assert!(
            told.contains("the database schema is newer than this program (unknown: 9999)"),
            "{told}"
        );
        assert!(
            told.contains("run the earmark that brought it there, or a later one"),
            "{told}"
        );
    }
    all_there(&client, orders).await;
    drop(service);
    // As the next version will see it.
    run(
        &server,
        "psql -X -q -h 127.0.0.1 -c \"DELETE FROM __diesel_schema_migrations WHERE version = '9999'\"",
    );
    drop(earmark(&server.url(), &["verify"]).await.succeeded());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_are_replaced_one_after_the_other_under_load() {
    let previous = std::env::var_os(PREVIOUS).map(PathBuf::from);
    let server = OwnPostgres::start().await;
    let url = server.url();
    let old = async || match &previous {
        Some(program) => Service::start_program(program, &url).await,
        None => Service::start(&url).await,
    };
    let mut before = [old().await, old().await];
    stock(&before[0].client()).await;
    let mut callers = Vec::new();
    for (number, service) in before.iter().enumerate() {
        callers.push(Callers::begin(&format!("before-{number}"), service));
    }
    let mut orders = Vec::new();
    let mut after = Vec::new();
    for (number, service) in before.iter_mut().enumerate() {
        // Whoever spreads the load adds the new one, and sends the old one nothing more before it is stopped.
        after.push(Service::start(&url).await);
        let newest = Callers::begin(&format!("after-{number}"), &after[number]);
        for callers in callers.iter().chain([&newest]) {
            callers.more().await;
        }
        orders.extend(callers.remove(0).end().await);
        callers.push(newest);
        service.terminate();
        assert!(service.ended().await.success(), "{}", service.log());
    }
    for callers in callers {
        callers.more().await;
        orders.extend(callers.end().await);
    }
    let product = after[0].client().product("LAMP").await;
    assert_eq!(after[1].client().product("LAMP").await, product);
    all_there(&after[0].client(), orders).await;
    drop(after);
    drop(earmark(&url, &["verify"]).await.succeeded());
}
