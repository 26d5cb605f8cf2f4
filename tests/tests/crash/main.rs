//! Crashes and stops under load: what was acknowledged is there whole afterwards, and nothing is there in part.

mod load;
#[cfg(feature = "servers")]
mod own_postgres;
mod record;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use earmark_tests::on_each_database;
use earmark_tests::service::{Client, Desk, earmark, until};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::load::{Ask, Entry, PRODUCTS, sku, work};
use crate::record::{Fates, Known, hold_balances, send_again, settle, wait_until_served};

/// Clients side by side.
const WORKERS: usize = 8;

/// Crashes, one after the other on the same books.
const ROUNDS: usize = 5;

/// Lines that wait for one product: more than one transaction serves.
const QUEUE: usize = 450;

/// Clients at work.
struct Shift {
    workers: JoinSet<Vec<Entry>>,
    answered: Arc<AtomicUsize>,
}

impl Shift {
    /// Sets clients to work, each on a connection of its own.
    fn begin(name: &str, client: impl Fn() -> Client) -> Self {
        let answered = Arc::new(AtomicUsize::new(0));
        let workers = (0..WORKERS).map(|at| work(format!("{name}{at}"), client(), answered.clone()));
        Self {
            workers: workers.collect(),
            answered,
        }
    }

    /// Waits until so many answers came.
    async fn answered(&self, enough: usize) {
        until("enough is answered", async || {
            (self.answered.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
    }

    /// The clients' record, when all have stopped.
    async fn record(self) -> Vec<Entry> {
        self.workers.join_all().await.into_iter().flatten().collect()
    }
}

/// Names the products, so that what does not fit is out of stock rather than unknown.
async fn name_products(client: &Client) {
    for at in 0..PRODUCTS {
        let _ = client
            .put(&format!("/v1/products/{}", sku(at)), &json!({"name": "wanted"}))
            .await
            .answers(200);
    }
}

/// Lets many wait for one product.
async fn queue_up(client: &Client, name: &str) {
    let _ = client
        .put(&format!("/v1/products/{name}"), &json!({"name": "awaited"}))
        .await
        .answers(200);
    let line = |at| json!({"allocate": {"order_id": format!("q-{name}-{at}"), "sku": name, "quantity": 1, "on_shortage": "backorder"}});
    let lines: Vec<Value> = (0..QUEUE).map(line).collect();
    for answer in client.bulk(&lines).await {
        assert_eq!(answer["status"], 202, "{answer}");
    }
}

async fn what_was_acknowledged_survives_a_power_cut_under_load(mut desk: Desk) {
    name_products(&desk).await;
    let mut record: Vec<Entry> = Vec::new();
    let mut open = 0;
    for round in 0..ROUNDS {
        let awaited = format!("QUEUE{round}");
        queue_up(&desk, &awaited).await;
        let shift = Shift::begin(&format!("r{round}w"), || desk.service.client());
        shift.answered(150 + 50 * round).await;
        // Acknowledged with a first page served: the rest is owed when the lights go out.
        let batch = Ask::Create {
            batch: format!("for {awaited}"),
            sku: awaited.clone(),
            quantity: QUEUE as u64,
        };
        let owed = Entry::of(batch, &desk).await;
        desk.service.kill();
        let mut told = shift.record().await;
        told.push(owed);
        open += told.iter().filter(|entry| entry.answer.is_none()).count();
        record.append(&mut told);

        drop(earmark(&desk.db.url(), &["verify"]).await.succeeded());
        desk.restart().await;
        Fates::of(&record, Known::Open).hold(&desk).await;
        wait_until_served(&desk).await;
        assert_eq!(desk.backlog(&awaited).await, [] as [Value; 0]);
        send_again(&record, &desk).await;
        settle(&mut record, &desk).await;
        wait_until_served(&desk).await;
        Fates::of(&record, Known::Open).hold(&desk).await;
        hold_balances(&desk).await;
        drop(desk.verify().await);
    }
    assert!(
        open > 0,
        "no command was under way in any of the crashes: they prove little"
    );
}

async fn whatever_a_stopping_service_took_on_it_answers(mut desk: Desk) {
    name_products(&desk).await;
    let shift = Shift::begin("w", || desk.service.client());
    shift.answered(200).await;
    desk.service.terminate();
    let ended = desk.service.ended().await;
    let record = shift.record().await;
    assert_eq!(ended.code(), Some(0), "{}", desk.service.log());

    desk.restart().await;
    // What got no answer was not taken on: had it been, the answer would be here.
    Fates::of(&record, Known::NotDone).hold(&desk).await;
    wait_until_served(&desk).await;
    send_again(&record, &desk).await;
    hold_balances(&desk).await;
}

async fn a_bulk_that_is_stopped_tells_each_line_it_executed(mut desk: Desk) {
    /// Lines whose answers are awaited before the service is told to stop.
    const BEFORE: usize = 5;
    /// Lines that are under way, or not read yet, when it is.
    const AMONG: usize = 1_500;

    desk.buy("B1", "LAMP", 1_000_000).await;
    let mut talk = desk.raw().await;
    talk.begin_bulk().await;
    let line = |at: usize| {
        format!(
            "{}\n",
            json!({"allocate": {"order_id": format!("o{at}"), "sku": "LAMP", "quantity": 1}})
        )
    };
    for at in 0..BEFORE {
        talk.chunk(line(at)).await;
    }
    assert_eq!(talk.head().await.status, 200);
    let mut answered = Vec::new();
    while answered.len() < BEFORE {
        answered.push(talk.next_line().await.expect("an answer"));
    }
    for at in BEFORE..BEFORE + AMONG {
        talk.chunk(line(at)).await;
    }
    desk.service.terminate();
    talk.last_chunk().await;
    while let Some(answer) = talk.next_line().await {
        answered.push(answer);
    }
    assert_eq!(desk.service.ended().await.code(), Some(0), "{}", desk.service.log());
    let answered: Vec<Value> = answered
        .iter()
        .map(|answer| serde_json::from_str(answer).expect("an answer is JSON"))
        .collect();
    let executed = answered.iter().take_while(|answer| answer["status"] == 201).count();
    assert!(executed >= BEFORE, "{answered:?}");
    // One more may tell from where on no line was read.
    let beyond: Vec<&Value> = answered[executed..].iter().map(|answer| &answer["status"]).collect();
    assert!(beyond.is_empty() || beyond == [503], "{answered:?}");
    assert!(
        !beyond.is_empty() || executed == BEFORE + AMONG,
        "lines without an answer, and nothing tells why"
    );
    desk.restart().await;
    for at in 0..BEFORE + AMONG {
        let there = desk.get(&format!("/v1/orders/o{at}")).await.status == 200;
        assert_eq!(
            there,
            at < executed,
            "order o{at}; {executed} lines were answered with 201"
        );
    }
}

async fn each_line_of_a_bulk_that_was_answered_survives_a_power_cut(mut desk: Desk) {
    /// Lines that are sent; far fewer are answered when the lights go out.
    const LINES: usize = 3_000;

    desk.buy("B1", "LAMP", 1_000_000).await;
    let mut talk = desk.raw().await;
    talk.begin_bulk().await;
    for at in 0..LINES {
        let order = json!({"place_order": {"order_id": format!("o{at}"), "lines": [
            {"line_id": "a", "sku": "LAMP", "quantity": 1}, {"line_id": "b", "sku": "LAMP", "quantity": 2},
        ]}});
        talk.chunk(format!("{order}\n")).await;
        if at == 0 {
            assert_eq!(talk.head().await.status, 200);
        }
    }
    let mut answered = 0;
    while answered < 200 {
        let answer = talk.next_line().await.expect("an answer");
        assert!(answer.starts_with("{\"status\":201,"), "{answer}");
        answered += 1;
    }
    desk.service.kill();
    // What was on its way to the client counts as well.
    answered += String::from_utf8_lossy(&talk.rest().await)
        .matches("{\"status\":201,")
        .count();
    assert!(
        answered < LINES,
        "the service was done before it was killed: the case proves nothing"
    );
    desk.restart().await;
    for at in 0..LINES {
        let reply = desk.get(&format!("/v1/orders/o{at}")).await;
        match reply.status {
            404 => assert!(at >= answered, "order o{at} was answered, and is gone"),
            _ => assert_eq!(
                reply.answers(200)["lines"].as_array().map(Vec::len),
                Some(2),
                "order o{at}"
            ),
        }
    }
}

async fn a_service_that_is_killed_while_it_starts_on_its_books_starts_again(mut desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    let _ = desk.allocate("o1", "LAMP", 4).await.answers(201);
    let books = desk.books().await;
    for _ in 0..3 {
        desk.service.kill();
        desk.restart().await;
        assert_eq!(desk.books().await, books);
    }
}

on_each_database! {
    what_was_acknowledged_survives_a_power_cut_under_load,
    whatever_a_stopping_service_took_on_it_answers,
    a_bulk_that_is_stopped_tells_each_line_it_executed,
    each_line_of_a_bulk_that_was_answered_survives_a_power_cut,
    a_service_that_is_killed_while_it_starts_on_its_books_starts_again,
}

#[cfg(feature = "servers")]
mod on_a_postgres_that_crashes {
    use super::*;
    use crate::own_postgres::OwnPostgres;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_acknowledged_survives_and_the_service_goes_on_by_itself() {
        let server = Arc::new(OwnPostgres::start().await);
        let desk = Desk::open(server.clone()).await;
        name_products(&desk).await;
        let mut record: Vec<Entry> = Vec::new();
        for round in 0..2 {
            let shift = Shift::begin(&format!("r{round}w"), || desk.service.client());
            shift.answered(150).await;
            server.crash().await;
            record.append(&mut shift.record().await);
            assert_eq!(desk.get("/health/live").await.status, 200);
            let _ = desk.get("/health/ready").await.refuses(503, "unavailable");
            let _ = desk.get("/v1/products").await.refuses(503, "unavailable");

            server.launch().await;
            until("the service is ready again", async || {
                (desk.get("/health/ready").await.status == 200).then_some(())
            })
            .await;
            Fates::of(&record, Known::Open).hold(&desk).await;
            wait_until_served(&desk).await;
            send_again(&record, &desk).await;
            settle(&mut record, &desk).await;
            wait_until_served(&desk).await;
            Fates::of(&record, Known::Open).hold(&desk).await;
            hold_balances(&desk).await;
            drop(desk.verify().await);
        }
    }
}
