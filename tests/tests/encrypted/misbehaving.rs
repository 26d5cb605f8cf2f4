//! Clients that stand still within the handshake or the protocol, or ask without end: others are served, memory is bounded,
//! and a drain does not wait for them.

use std::time::{Duration, Instant};

use earmark_tests::service::{RawConnection, in_time};
use futures::future::join_all;
use h2::Reason;
use h2::client::Builder;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use crate::client::taken_back;
use crate::site::Site;

/// The most memory that the service may have, in KiB, whatever clients do that read nothing.
const MOST_MEMORY: u64 = 160 * 1024;

/// The most that it may have while 450 pages are unread.
const MOST_MEMORY_UNREAD: u64 = 320 * 1024;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handshake_that_stands_still_ends_and_keeps_nobody_waiting() {
    let site = Site::open().await;
    let began = Instant::now();
    let mut silent = Vec::new();
    // Nothing; the beginning of a record; the beginning of a handshake.
    for sent in [&b""[..], b"\x16", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
        for _ in 0..20 {
            let mut stream = TcpStream::connect(site.address()).await.expect("it listens");
            stream.write_all(sent).await.expect("it is open");
            silent.push(stream);
        }
    }
    for _ in 0..5 {
        let began = Instant::now();
        let mut client = site.trust().http_1(site.address()).await.expect("a handshake");
        drop(client.get("/v1/products", "").await.expect("an answer"));
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
    let ends = silent.into_iter().map(|mut stream| async move {
        let mut rest = Vec::new();
        // A reset is an end, too.
        timeout(Duration::from_secs(25), stream.read_to_end(&mut rest))
            .await
            .is_ok()
    });
    assert!(join_all(ends).await.into_iter().all(|ended| ended), "one is still open");
    assert!(began.elapsed() > Duration::from_secs(8), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_speaks_plain_http_is_told_and_others_are_cut_off() {
    let site = Site::open().await;
    let mut plain = RawConnection::open(site.address()).await;
    let answer = plain.get("/v1/products").await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("https://"), "{}", answer.text());
    let mut nonsense = TcpStream::connect(site.address()).await.expect("it listens");
    nonsense.write_all(&[0; 64]).await.expect("it is open");
    let mut rest = Vec::new();
    let ended = in_time("it is closed", nonsense.read_to_end(&mut rest)).await;
    assert!(rest.len() < 64, "{ended:?} {rest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_nobody_takes_end_and_the_connection_goes_on() {
    let mut site = Site::open().await;
    let filling = site.trust().http_2(site.address()).await;
    for page in 0..10 {
        let lines: String = (0..200)
            .map(|at| {
                let name = format!("SKU-{page}-{at}-{}", "x".repeat(40));
                format!(
                    "{}\n",
                    json!({"create_batch": {"reference": name, "sku": name, "quantity": 1}})
                )
            })
            .collect();
        let kind = [("content-type", "application/x-ndjson")];
        let answer = filling
            .send(http::Method::POST, "/v1/bulk", &kind, &lines)
            .await
            .expect("an answer");
        assert_eq!(answer.status, 200);
    }
    let mut nothing = Builder::new();
    nothing.enable_push(false).initial_window_size(0);
    let mut bodies = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..5 {
        let client = site.trust().http_2_with(site.address(), &nothing).await;
        for _ in 0..90 {
            let answer = client
                .ask("/v1/events?limit=1000")
                .await
                .expect("the connection is open");
            bodies.push(in_time("the head", answer).await.expect("an answer").into_body());
        }
        clients.push(client);
    }
    let stuck = Instant::now();
    // Each has a page of its own, of a third of a MiB, whatever the protocol.
    assert!(
        site.service.own_memory() < MOST_MEMORY_UNREAD,
        "{} KiB",
        site.service.own_memory()
    );
    let ends = bodies
        .iter_mut()
        .map(|body| timeout(Duration::from_secs(60), taken_back(body)));
    let ends = join_all(ends).await;
    assert!(
        ends.iter().all(|end| *end == Ok(Some(Reason::CANCEL))),
        "{:?}",
        ends.iter().find(|end| **end != Ok(Some(Reason::CANCEL)))
    );
    assert!(stuck.elapsed() > Duration::from_secs(20), "{:?}", stuck.elapsed());
    // What has no body to be taken is answered as before.
    let head = clients[0]
        .send(http::Method::HEAD, "/v1/products", &[], "")
        .await
        .expect("an answer");
    assert_eq!(head.status, 200);

    // Stuck again, a drain ends them sooner.
    for client in &clients {
        for _ in 0..20 {
            let answer = client
                .ask("/v1/events?limit=1000")
                .await
                .expect("the connection is open");
            bodies.push(in_time("the head", answer).await.expect("an answer").into_body());
        }
        let answer = client.ask("/v1/events/stream").await.expect("the connection is open");
        bodies.push(in_time("the head", answer).await.expect("an answer").into_body());
    }
    let began = Instant::now();
    site.service.terminate();
    assert_eq!(site.service.ended().await.code(), Some(0), "{}", site.service.log());
    assert!(
        began.elapsed() < Duration::from_secs(12),
        "the drain took {:?}",
        began.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_taken_back_without_end_keep_nobody_waiting_and_take_bounded_memory() {
    let site = Site::open().await;
    let mut attackers = Vec::new();
    for _ in 0..4 {
        let client = site.trust().http_2(site.address()).await;
        attackers.push(tokio::spawn(async move {
            let began = Instant::now();
            let mut sent = 0_u64;
            while began.elapsed() < Duration::from_secs(5) {
                // Dropped at once, which takes the request back.
                match client.ask("/v1/products").await {
                    Ok(answer) => drop(answer),
                    Err(_) => break,
                }
                sent += 1;
                if sent.is_multiple_of(50) {
                    tokio::task::yield_now().await;
                }
            }
            sent
        }));
    }
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let began = Instant::now();
        let mut client = site.trust().http_1(site.address()).await.expect("a handshake");
        drop(client.get("/v1/products", "").await.expect("an answer"));
        slowest = slowest.max(began.elapsed());
        sleep(Duration::from_millis(100)).await;
    }
    assert!(slowest < Duration::from_secs(3), "{slowest:?}");
    assert!(
        site.service.own_memory() < MOST_MEMORY,
        "{} KiB",
        site.service.own_memory()
    );
    for attacker in attackers {
        assert!(attacker.await.expect("no panic") > 20);
    }
}
