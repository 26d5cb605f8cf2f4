//! Clients that keep the service busy with nothing, or take nothing of what it answers: others are served, memory is
//! bounded, and a drain does not wait for them.

use std::sync::Arc;
use std::time::Duration;

use earmark_tests::databases::SqliteDatabase;
use earmark_tests::service::{Desk, RawConnection, at_the_desk};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

/// The most memory that the service may have, in KiB, with 64 clients that read nothing: some twenty megabytes of its own,
/// thirty-two of pages of the database, and a megabyte for each, which holds its lines and their answers.
const MOST_MEMORY: u64 = 128 * 1024;

/// How many clients read nothing. There are as many bulk streams, so that of twice as many half are refused.
const DEAF: usize = 64;

/// How long the median of some requests takes, one after the other: a busy machine may delay a single one.
async fn median_of(desk: &Desk, requests: usize) -> Duration {
    let mut took = Vec::with_capacity(requests);
    for _ in 0..requests {
        let began = Instant::now();
        assert_eq!(desk.get("/v1/products/LAMP").await.status, 200);
        took.push(began.elapsed());
    }
    took.sort_unstable();
    took[requests / 2]
}

/// Sends the same bytes in chunks until the service closes the connection.
async fn send_without_end(mut connection: RawConnection, bytes: Vec<u8>) {
    connection.begin_bulk().await;
    while connection.try_chunk(&bytes).await.is_ok() {}
}

async fn streams_of_nothing_do_not_keep_others_waiting(desk: Desk) {
    desk.buy("B1", "LAMP", 1).await;
    for nothing in ["\n".repeat(64 * 1024), " ".repeat(64 * 1024), "\n{\n".repeat(8 * 1024)] {
        let mut senders = Vec::new();
        for _ in 0..4 {
            senders.push(tokio::spawn(send_without_end(
                desk.raw().await,
                nothing.clone().into_bytes(),
            )));
        }
        sleep(Duration::from_millis(200)).await;
        let median = median_of(&desk, 50).await;
        for sender in senders {
            sender.abort();
        }
        // Without them it is some milliseconds; before readers of a stream yielded, it was a second and more.
        assert!(
            median < Duration::from_millis(500),
            "{median:?} with {:?}…",
            &nothing[..3]
        );
    }
}

async fn a_stream_of_blank_lines_ends_with_a_problem(desk: Desk) {
    let mut blank = desk.raw().await;
    blank.begin_bulk().await;
    blank.chunk("\n".repeat(1_000)).await;
    let batch = json!({"create_batch": {"reference": "B1", "sku": "LAMP", "quantity": 1}});
    blank.chunk(format!("{batch}\n")).await;
    let status = |line: Option<String>| -> Value {
        let line = line.expect("an answer");
        serde_json::from_str::<Value>(&line).expect("JSON")["status"].clone()
    };
    assert_eq!(blank.head().await.status, 200);
    assert_eq!(status(blank.next_line().await), 201);
    blank.chunk("\n".repeat(1_001)).await;
    assert_eq!(status(blank.next_line().await), 400);
    assert_eq!(blank.next_line().await, None);
}

/// Clients that send the same order of many lines again and again, and read nothing. It is placed already: the answers are
/// as long as those of new ones, and to decide it takes less of a busy machine.
async fn never_reading(desk: &Desk, clients: usize) -> Vec<tokio::task::JoinHandle<()>> {
    let lines: Vec<Value> = (0..500)
        .map(|line| json!({"line_id": line.to_string(), "sku": "LAMP", "quantity": 1}))
        .collect();
    let order = json!({"place_order": {"order_id": "o-1", "on_shortage": "backorder", "lines": lines}});
    assert_eq!(desk.bulk(std::slice::from_ref(&order)).await[0]["status"], 201);
    let line: Arc<str> = format!("{order}\n").into();
    let mut senders = Vec::new();
    for _ in 0..clients {
        let mut connection = RawConnection::open_asleep(desk.service.address()).await;
        let line = Arc::clone(&line);
        senders.push(tokio::spawn(async move {
            connection.begin_bulk().await;
            for _ in 0..10_000 {
                if connection.try_chunk(&*line).await.is_err() {
                    return;
                }
            }
        }));
    }
    senders
}

async fn clients_that_read_nothing_take_bounded_memory_and_are_disconnected(desk: Desk) {
    desk.buy("B1", "LAMP", 1_000_000_000).await;
    // The later half is told that there are too many, which it does not read either.
    let senders = never_reading(&desk, 2 * DEAF).await;
    let mut most = 0;
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(25) {
        most = most.max(desk.service.own_memory());
        sleep(Duration::from_millis(200)).await;
    }
    assert_eq!(desk.get("/v1/products/LAMP").await.status, 200);
    // Each is disconnected within half a minute of its standstill, which comes late on a busy machine: what it has sent before
    // is carried out.
    for sender in senders {
        let ended = timeout(Duration::from_secs(180), sender).await;
        assert!(ended.is_ok(), "a client that reads nothing is still connected");
        most = most.max(desk.service.own_memory());
    }
    assert!(most < MOST_MEMORY, "{most} KiB");
    // Their places are free.
    let line = json!({"create_batch": {"reference": "B2", "sku": "LAMP", "quantity": 1}});
    assert_eq!(desk.bulk(&[line]).await[0]["status"], 201);
}

async fn bulk_clients_that_read_nothing_do_not_delay_a_drain(mut desk: Desk) {
    desk.buy("B1", "LAMP", 1_000_000_000).await;
    let senders = never_reading(&desk, DEAF / 2).await;
    // Some stand still by now, and others wait for a place in the queue.
    sleep(Duration::from_secs(4)).await;
    let began = Instant::now();
    desk.service.terminate();
    assert_eq!(desk.service.ended().await.code(), Some(0), "{}", desk.service.log());
    let took = began.elapsed();
    assert!(took < Duration::from_secs(12), "the drain took {took:?}");
    for sender in senders {
        sender.abort();
    }
}

async fn event_streams_that_nobody_reads_keep_no_listener_out_and_do_not_delay_a_drain(mut desk: Desk) {
    let lines: Vec<Value> = (0..4_000)
        .map(|at| json!({"create_batch": {"reference": format!("B{at}"), "sku": format!("S{at}"), "quantity": 1}}))
        .collect();
    for lines in lines.chunks(1_000) {
        desk.bulk(lines).await;
    }
    let mut asleep = Vec::new();
    for _ in 0..128 {
        let mut connection = RawConnection::open_asleep(desk.service.address()).await;
        connection
            .send("GET /v1/events/stream HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .await;
        asleep.push(connection);
    }
    // One that reads gets in beside them, and hears what happens.
    let opened = Instant::now();
    let mut listening = desk.raw().await;
    listening
        .send("GET /v1/events/stream?after=now HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    assert_eq!(listening.head().await.status, 200);
    desk.buy("B-heard", "HEARD", 1).await;
    while !listening.next_line().await.is_some_and(|line| line.contains("B-heard")) {}
    assert!(opened.elapsed() < Duration::from_secs(20), "{:?}", opened.elapsed());
    let began = Instant::now();
    desk.service.terminate();
    assert_eq!(desk.service.ended().await.code(), Some(0), "{}", desk.service.log());
    let took = began.elapsed();
    assert!(took < Duration::from_secs(12), "the drain took {took:?}");
    drop((asleep, listening));
}

/// Expands cases on one database: they are about connections.
macro_rules! on_one_database {
    ($($case:ident,)+) => {
        mod on_sqlite {
            use super::{SqliteDatabase, at_the_desk};

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                at_the_desk::<SqliteDatabase, _>(super::$case).await;
            })+
        }
    };
}

on_one_database! {
    streams_of_nothing_do_not_keep_others_waiting,
    a_stream_of_blank_lines_ends_with_a_problem,
    clients_that_read_nothing_take_bounded_memory_and_are_disconnected,
    bulk_clients_that_read_nothing_do_not_delay_a_drain,
    event_streams_that_nobody_reads_keep_no_listener_out_and_do_not_delay_a_drain,
}
