//! Crashes and shutdowns under load: acknowledged commands are stored whole, and no command is stored in part.

mod load;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use earmark_tests::history::{Entry, Expectations, Known, Request, check_balances, repeat, settle, wait_until_served};
use earmark_tests::on_each_database;
use earmark_tests::service::{Client, Desk, earmark, until};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::load::{PRODUCTS, sku, work};

/// Concurrent clients.
const WORKERS: usize = 8;

/// Crashes, one after the other on the same database.
const ROUNDS: usize = 5;

/// Lines in the backlog of one product: more than one transaction serves.
const BACKLOG: usize = 450;

/// Clients that send requests.
struct Load {
    workers: JoinSet<Vec<Entry>>,
    answered: Arc<AtomicUsize>,
}

impl Load {
    /// Starts the clients, each on a connection of its own.
    fn begin(name: &str, client: impl Fn() -> Client) -> Self {
        let answered = Arc::new(AtomicUsize::new(0));
        let workers = (0..WORKERS).map(|at| work(format!("{name}{at}"), client(), answered.clone()));
        Self {
            workers: workers.collect(),
            answered,
        }
    }

    /// Waits for so many answers.
    async fn answered(&self, enough: usize) {
        until("enough requests are answered", async || {
            (self.answered.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
    }

    /// The record of all clients, once all have stopped.
    async fn record(self) -> Vec<Entry> {
        self.workers.join_all().await.into_iter().flatten().collect()
    }
}

/// Names the products, so that a line that does not fit is out of stock and its SKU is known.
async fn name_products(client: &Client) {
    for at in 0..PRODUCTS {
        let _ = client
            .put(&format!("/v1/products/{}", sku(at)), &json!({"name": "popular"}))
            .await
            .answers(200);
    }
}

/// Backorders many lines of one product.
async fn fill_backlog(client: &Client, name: &str) {
    let _ = client
        .put(&format!("/v1/products/{name}"), &json!({"name": "backordered"}))
        .await
        .answers(200);
    let line = |at| json!({"allocate": {"order_id": format!("q-{name}-{at}"), "sku": name, "quantity": 1, "on_shortage": "backorder"}});
    let lines: Vec<Value> = (0..BACKLOG).map(line).collect();
    for answer in client.bulk(&lines).await {
        assert_eq!(answer["status"], 202, "{answer}");
    }
}

async fn acknowledged_commands_survive_a_power_cut_under_load(mut desk: Desk) {
    name_products(&desk).await;
    let mut record: Vec<Entry> = Vec::new();
    let mut unanswered = 0;
    for round in 0..ROUNDS {
        let backordered = format!("BACKLOG{round}");
        fill_backlog(&desk, &backordered).await;
        let load = Load::begin(&format!("r{round}w"), || desk.service.client());
        load.answered(150 + 50 * round).await;
        // Acknowledged when the first page of the backlog is served: the rest is pending at the power cut.
        let batch = Request::Create {
            batch: format!("for {backordered}"),
            sku: backordered.clone(),
            quantity: BACKLOG as u64,
        };
        let batch = Entry::of(batch, &desk).await;
        desk.service.kill();
        let mut latest = load.record().await;
        latest.push(batch);
        unanswered += latest.iter().filter(|entry| entry.answer.is_none()).count();
        record.append(&mut latest);

        drop(earmark(&desk.db.url(), &["verify"]).await.succeeded());
        desk.restart().await;
        Expectations::of(&record, Known::Unknown).check(&desk).await;
        wait_until_served(&desk).await;
        assert_eq!(desk.backlog(&backordered).await, [] as [Value; 0]);
        repeat(&record, &desk).await;
        settle(&mut record, &desk).await;
        wait_until_served(&desk).await;
        Expectations::of(&record, Known::Unknown).check(&desk).await;
        check_balances(&desk).await;
        drop(desk.verify().await);
    }
    assert!(
        unanswered > 0,
        "every command was answered before each crash: the case proves little"
    );
}

async fn a_service_that_shuts_down_answers_every_command_it_took(mut desk: Desk) {
    name_products(&desk).await;
    let load = Load::begin("w", || desk.service.client());
    load.answered(200).await;
    desk.service.terminate();
    let ended = desk.service.ended().await;
    let record = load.record().await;
    assert_eq!(ended.code(), Some(0), "{}", desk.service.log());

    desk.restart().await;
    // A command without an answer was not taken.
    Expectations::of(&record, Known::NotDone).check(&desk).await;
    wait_until_served(&desk).await;
    repeat(&record, &desk).await;
    check_balances(&desk).await;
}

async fn a_bulk_request_answers_each_line_it_ran_before_a_shutdown(mut desk: Desk) {
    /// Lines that are answered before the shutdown.
    const BEFORE: usize = 5;
    /// Lines that are running, or not read yet, at the shutdown.
    const DURING: usize = 1_500;

    desk.buy("B1", "LAMP", 1_000_000).await;
    let mut connection = desk.raw().await;
    connection.begin_bulk().await;
    let line = |at: usize| {
        format!(
            "{}\n",
            json!({"allocate": {"order_id": format!("o{at}"), "sku": "LAMP", "quantity": 1}})
        )
    };
    for at in 0..BEFORE {
        connection.chunk(line(at)).await;
    }
    assert_eq!(connection.head().await.status, 200);
    let mut answered = Vec::new();
    while answered.len() < BEFORE {
        answered.push(connection.next_line().await.expect("an answer"));
    }
    for at in BEFORE..BEFORE + DURING {
        connection.chunk(line(at)).await;
    }
    desk.service.terminate();
    connection.last_chunk().await;
    while let Some(answer) = connection.next_line().await {
        answered.push(answer);
    }
    assert_eq!(desk.service.ended().await.code(), Some(0), "{}", desk.service.log());
    let answered: Vec<Value> = answered
        .iter()
        .map(|answer| serde_json::from_str(answer).expect("an answer is JSON"))
        .collect();
    let executed = answered.iter().take_while(|answer| answer["status"] == 201).count();
    assert!(executed >= BEFORE, "{answered:?}");
    // One more answer may say from which line on none was read.
    let beyond: Vec<&Value> = answered[executed..].iter().map(|answer| &answer["status"]).collect();
    assert!(beyond.is_empty() || beyond == [503], "{answered:?}");
    assert!(
        !beyond.is_empty() || executed == BEFORE + DURING,
        "lines have no answer, and no reason is given"
    );
    desk.restart().await;
    for at in 0..BEFORE + DURING {
        let there = desk.get(&format!("/v1/orders/o{at}")).await.status == 200;
        assert_eq!(
            there,
            at < executed,
            "order o{at}; {executed} lines were answered with 201"
        );
    }
}

async fn each_answered_line_of_a_bulk_request_survives_a_power_cut(mut desk: Desk) {
    /// Lines that are sent; far fewer are answered before the power cut.
    const LINES: usize = 3_000;

    desk.buy("B1", "LAMP", 1_000_000).await;
    let mut connection = desk.raw().await;
    connection.begin_bulk().await;
    for at in 0..LINES {
        let order = json!({"place_order": {"order_id": format!("o{at}"), "lines": [
            {"line_id": "a", "sku": "LAMP", "quantity": 1}, {"line_id": "b", "sku": "LAMP", "quantity": 2},
        ]}});
        connection.chunk(format!("{order}\n")).await;
        if at == 0 {
            assert_eq!(connection.head().await.status, 200);
        }
    }
    let mut answered = 0;
    while answered < 200 {
        let answer = connection.next_line().await.expect("an answer");
        assert!(answer.starts_with("{\"status\":201,"), "{answer}");
        answered += 1;
    }
    desk.service.kill();
    // Answers that were on their way to the client count as well.
    answered += String::from_utf8_lossy(&connection.rest().await)
        .matches("{\"status\":201,")
        .count();
    assert!(
        answered < LINES,
        "all lines were answered before the kill: the case proves nothing"
    );
    desk.restart().await;
    for at in 0..LINES {
        let reply = desk.get(&format!("/v1/orders/o{at}")).await;
        match reply.status {
            404 => assert!(at >= answered, "order o{at} was answered and is lost"),
            _ => assert_eq!(
                reply.answers(200)["lines"].as_array().map(Vec::len),
                Some(2),
                "order o{at}"
            ),
        }
    }
}

async fn a_service_that_is_killed_while_it_starts_starts_again(mut desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let _ = desk.allocate("o1", "LAMP", 4).await.answers(201);
    let state = desk.state().await;
    for _ in 0..3 {
        desk.service.kill();
        desk.restart().await;
        assert_eq!(desk.state().await, state);
    }
}

on_each_database! {
    acknowledged_commands_survive_a_power_cut_under_load,
    a_service_that_shuts_down_answers_every_command_it_took,
    a_bulk_request_answers_each_line_it_ran_before_a_shutdown,
    each_answered_line_of_a_bulk_request_survives_a_power_cut,
    a_service_that_is_killed_while_it_starts_starts_again,
}

#[cfg(feature = "servers")]
mod on_a_postgres_that_crashes {
    use super::*;
    use earmark_tests::databases::OwnPostgres;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn acknowledged_commands_survive_and_the_service_reconnects() {
        let server = Arc::new(OwnPostgres::start().await);
        let desk = Desk::open(server.clone()).await;
        name_products(&desk).await;
        let mut record: Vec<Entry> = Vec::new();
        for round in 0..2 {
            let load = Load::begin(&format!("r{round}w"), || desk.service.client());
            load.answered(150).await;
            server.crash().await;
            record.append(&mut load.record().await);
            assert_eq!(desk.get("/health/live").await.status, 200);
            let _ = desk.get("/health/ready").await.refuses(503, "unavailable");
            let _ = desk.get("/v1/products").await.refuses(503, "unavailable");

            server.launch().await;
            until("the service is ready again", async || {
                (desk.get("/health/ready").await.status == 200).then_some(())
            })
            .await;
            Expectations::of(&record, Known::Unknown).check(&desk).await;
            wait_until_served(&desk).await;
            repeat(&record, &desk).await;
            settle(&mut record, &desk).await;
            wait_until_served(&desk).await;
            Expectations::of(&record, Known::Unknown).check(&desk).await;
            check_balances(&desk).await;
            drop(desk.verify().await);
        }
    }
}
