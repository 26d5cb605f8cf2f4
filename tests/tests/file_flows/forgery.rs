//! Forged tables: a user with access to the database changes what the service wrote. `earmark verify` finds it.

use std::sync::{Arc, Mutex};

use diesel::connection::SimpleConnection;
use diesel::{Connection, QueryableByName, RunQueryDsl, SqliteConnection, sql_query, sql_types};
use earmark_tests::databases::{Database, Db, on_fresh};
use earmark_tests::service::{Desk, earmark};
use serde_json::json;

/// The name of a trigger.
#[derive(QueryableByName)]
struct Trigger {
    #[diesel(sql_type = sql_types::Text)]
    name: String,
}

/// Stands for the column that names the event by which a line is found: each store has one of its own.
const PLACING_EVENT: &str = "{placing_event}";
/// Stands for what names no event there.
const NO_EVENT: &str = "{no_event}";

/// Statements that forge the tables, each with what `earmark verify` has to name.
const FORGERIES: [(&str, &str); 29] = [
    (
        "UPDATE lines SET batch = NULL, units = NULL WHERE order_id = 'o1'",
        "o1",
    ),
    ("UPDATE lines SET units = units - 1 WHERE order_id = 'o1'", "B1"),
    ("DELETE FROM further_allocations WHERE order_id = 'o5'", "o5"),
    (
        "UPDATE further_allocations SET quantity = quantity + 1 WHERE order_id = 'o5'",
        "B3",
    ),
    // The line names no event that placed it, or one that placed another line.
    (
        "UPDATE lines SET {placing_event} = {no_event} WHERE order_id = 'o1'",
        "o1/LAMP",
    ),
    (
        "UPDATE lines SET {placing_event} = (SELECT {placing_event} FROM lines WHERE order_id = 'o2' AND sku = 'LAMP') WHERE order_id = 'o1'",
        "o1/LAMP",
    ),
    (
        "UPDATE batches SET allocated = allocated + 1 WHERE reference = 'B1'",
        "B1",
    ),
    (
        "UPDATE batches SET quantity = quantity + 1 WHERE reference = 'B1'",
        "B1",
    ),
    (
        "UPDATE lines SET state = 'cancelled', promised_on = NULL WHERE order_id = 'o1'",
        "o1",
    ),
    // What was told of a line: its promise, the first one, and the day by which it was asked for.
    (
        "UPDATE lines SET promised_on = '2199-01-01' WHERE order_id = 'o1'",
        "o1",
    ),
    (
        "UPDATE lines SET first_promised_on = '2199-01-01' WHERE order_id = 'o1'",
        "o1",
    ),
    ("UPDATE lines SET due_by = '2199-01-01' WHERE order_id = 'o1'", "o1"),
    ("UPDATE batches SET overdue = TRUE WHERE reference = 'B9'", "B9"),
    ("UPDATE lines SET quantity = quantity + 1 WHERE order_id = 'o3'", "o3"),
    ("DELETE FROM lines WHERE order_id = 'o3'", "o3"),
    // A line that was placed, or allocated, after others that came later.
    (
        "UPDATE lines SET placed_version = placed_version + 1 WHERE order_id = 'o3'",
        "o3",
    ),
    (
        "UPDATE further_allocations SET allocated_version = allocated_version + 1 WHERE order_id = 'o5'",
        "o5",
    ),
    // A line of an order with other lines of the product; of an order with lines of other products; of no order at all.
    (
        "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_version, placed_with_order) \
         SELECT order_id, 'x', sku, quantity, 'cancelled', split, placed_at, placed_version, placed_with_order \
         FROM lines WHERE order_id = 'o1'",
        "x",
    ),
    (
        "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_version, placed_with_order) \
         SELECT order_id, 'x', 'CHAIR', quantity, 'cancelled', split, placed_at, placed_version, placed_with_order \
         FROM lines WHERE order_id = 'o1'",
        "o1/x",
    ),
    (
        "INSERT INTO lines (order_id, line_id, sku, quantity, state, split, placed_at, placed_version, placed_with_order) \
         SELECT 'o9', line_id, sku, quantity, 'cancelled', split, placed_at, placed_version, placed_with_order \
         FROM lines WHERE order_id = 'o1'",
        "o9/LAMP",
    ),
    // A line that the events tell of, and nothing else leads to.
    ("DELETE FROM lines WHERE order_id = 'o1'", "o1/LAMP"),
    // Units: lost, and of no line.
    ("DELETE FROM further_allocations WHERE order_id = 'o5'", "o5"),
    (
        "INSERT INTO further_allocations (order_id, line_id, batch, quantity, allocated_version) \
         VALUES ('o9', 'LAMP', 'B1', 1, 1)",
        "o9/LAMP",
    ),
    ("UPDATE products SET version = version + 1 WHERE sku = 'LAMP'", "LAMP"),
    (
        "DELETE FROM events WHERE type = 'Allocated' AND data ->> 'order_id' = 'o1'",
        "LAMP",
    ),
    ("DELETE FROM events WHERE type = 'BatchQuantityChanged'", "LAMP"),
    (
        "DELETE FROM events WHERE type = 'OrderPlaced' AND order_id = 'o2'",
        "o2",
    ),
    ("DELETE FROM orders WHERE order_id = 'o2'", "o2"),
    ("DELETE FROM events WHERE type = 'OrderCancelled'", "o4"),
];

/// Removes the triggers that guard the tables, and runs a statement.
async fn forge(url: &str, statement: &str) {
    if let Some(path) = url.strip_prefix("sqlite:") {
        let mut connection = SqliteConnection::establish(path).expect("the file opens");
        let guards = sql_query("SELECT name FROM sqlite_master WHERE type = 'trigger'");
        for Trigger { name } in guards.load(&mut connection).expect("the triggers are listed") {
            connection
                .batch_execute(&format!("DROP TRIGGER {name}"))
                .expect("a trigger is dropped");
        }
        connection
            .batch_execute("PRAGMA foreign_keys = OFF")
            .expect("they are switched off");
        let statement = statement
            .replace(PLACING_EVENT, "placed_sequence")
            .replace(NO_EVENT, "NULL");
        connection.batch_execute(&statement).expect("the tables are forged");
        return;
    }
    #[cfg(feature = "servers")]
    {
        use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};

        let mut connection = AsyncPgConnection::establish(url).await.expect("the server answers");
        let guard = async |connection: &mut AsyncPgConnection, switch: &str| {
            for table in ["products", "batches", "lines", "further_allocations", "events"] {
                let switched = format!("ALTER TABLE {table} {switch} TRIGGER USER");
                connection
                    .batch_execute(&switched)
                    .await
                    .expect("the guards are switched");
            }
        };
        guard(&mut connection, "DISABLE").await;
        let statement = statement
            .replace(PLACING_EVENT, "placed_version")
            .replace(NO_EVENT, "0");
        connection
            .batch_execute(&statement)
            .await
            .expect("the tables are forged");
        // A database whose guards are off is not used at all.
        guard(&mut connection, "ENABLE").await;
    }
}

/// Sound tables: a changed quantity, a line, an order, a backordered line, a cancelled order.
async fn trade(desk: &Desk) {
    desk.buy("B1", "LAMP", 12).await;
    desk.buy("B2", "CHAIR", 5).await;
    let _ = desk.count("B1", 10).await.answers(200);
    let _ = desk.allocate("o1", "LAMP", 4).await.answers(201);
    let order = json!({"order_id": "o2", "lines": [{"sku": "LAMP", "quantity": 1}, {"sku": "CHAIR", "quantity": 1}]});
    let _ = desk.post("/v1/orders", &order).await.answers(201);
    let _ = desk.allocate_or_wait("o3", "CHAIR", 50).await.answers(202);
    let _ = desk.allocate("o4", "LAMP", 1).await.answers(201);
    let _ = desk.delete("/v1/orders/o4").await.answers(200);
    let _ = desk.allocate_or_wait("o5", "CHAIR", 6).await.answers(202);
    desk.buy("B3", "CHAIR", 7).await;
    desk.buy_inbound("B9", "TABLE", 1, "2199-01-01").await;
}

async fn catch<D: Database>() {
    let undetected = Arc::new(Mutex::new(Vec::new()));
    for (statement, name) in FORGERIES {
        let undetected = undetected.clone();
        on_fresh::<D, _>(move |db: Db| async move {
            let mut desk = Desk::open(db.clone()).await;
            trade(&desk).await;
            assert!(desk.verify().await.contains("all is sound"));
            desk.service.kill();
            forge(&db.url(), statement).await;
            let verified = earmark(&db.url(), &["verify"]).await;
            let named = verified
                .out
                .lines()
                .any(|line| line.starts_with("discrepancy") && line.contains(name));
            if verified.code != Some(1) || !named {
                undetected
                    .lock()
                    .expect("the lock is not poisoned")
                    .push((statement, verified));
            }
        })
        .await;
    }
    let undetected = undetected.lock().expect("the lock is not poisoned");
    assert!(undetected.is_empty(), "not detected, or not named: {undetected:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_finds_every_forgery_in_sqlite() {
    catch::<earmark_tests::databases::SqliteDatabase>().await;
}

#[cfg(feature = "servers")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn verify_finds_every_forgery_in_postgres() {
    catch::<earmark_tests::databases::PostgresDatabase>().await;
}
