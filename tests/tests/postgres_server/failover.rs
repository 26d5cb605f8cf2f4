//! The primary changes: a standby is refused, the service follows a promotion, and what was the primary before gets
//! nothing more, and is asked nothing more.

use std::sync::Arc;
use std::time::Duration;

use diesel::sql_types::BigInt;
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use earmark_tests::databases::{Database, OwnPostgres};
use earmark_tests::service::{Client, Service, earmark, signal, until};
use reqwest::Method;
use serde_json::json;
use tokio::time::{Instant, timeout};

use crate::{open, refusal};

/// Within which a caller must hear, whatever the servers do, with something for a busy machine.
const HEARD: Duration = Duration::from_secs(6);

/// Within which commands are stored again once there is a primary.
const RECOVERED: Duration = Duration::from_secs(20);

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// How many lines a server has.
async fn lines(server: &OwnPostgres) -> i64 {
    let mut outsider = AsyncPgConnection::establish(&server.url()).await.expect("it answers");
    let counted: Count = sql_query("SELECT count(*) AS count FROM lines")
        .get_result(&mut outsider)
        .await
        .expect("it answers");
    counted.count
}

/// The URL of two servers.
fn both(first: &OwnPostgres, second: &OwnPostgres) -> String {
    format!(
        "postgres://postgres@127.0.0.1:{},127.0.0.1:{}/postgres",
        first.port(),
        second.port()
    )
}

/// Waits until a standby has everything that its primary has.
async fn until_followed(primary: &OwnPostgres, standby: &OwnPostgres) {
    until("the standby has everything", async || {
        (lines(primary).await == lines(standby).await).then_some(())
    })
    .await;
}

/// Allocates with ever new orders until it is stored. Each answer comes in time, and is one that may be sent again.
async fn until_stored(client: &Client, name: &str) {
    let began = Instant::now();
    for number in 0.. {
        let allocation = json!({"order_id": format!("{name}-{number}"), "sku": "LAMP", "quantity": 1});
        let reply = timeout(HEARD, client.post("/v1/allocations", &allocation))
            .await
            .expect("an answer in time");
        if reply.status == 201 {
            return;
        }
        let _ = reply.refuses(503, "unavailable");
        assert!(began.elapsed() < RECOVERED, "nothing is stored");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn available(client: &Client) -> u64 {
    let reply = client.get("/v1/products/LAMP").await;
    reply.answers(200)["available"].as_u64().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_is_refused_and_the_primary_is_found_among_the_hosts() {
    let primary = OwnPostgres::start().await;
    drop(open(&primary.url()).await.expect("it opens"));
    let standby = primary.standby().await;
    let refused = refusal(&standby.url()).await;
    assert!(
        refused.contains("it is a standby; name the primary in the URL, or all hosts"),
        "{refused}"
    );
    let started = earmark(&standby.url(), &["serve", "--listen", "127.0.0.1:0"]).await;
    let started = started.ended_with(1);
    assert!(started.err.contains("it is a standby"), "{}", started.err);
    for url in [both(&standby, &primary), both(&primary, &standby)] {
        open(&url).await.expect("one of them is the primary");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_service_follows_a_promotion_and_never_goes_back_to_the_primary_that_stood_still() {
    let first = OwnPostgres::start().await;
    drop(open(&first.url()).await.expect("it opens"));
    let second = first.standby().await;
    let service = Service::start(&both(&first, &second)).await;
    let client = service.client();
    client.buy("B1", "LAMP", 1_000).await;
    until_stored(&client, "before").await;
    // Sessions of every kind are open.
    assert_eq!(available(&client).await, 999);
    let _ = client.get("/v1/products").await.answers(200);
    let _ = client.get("/health/ready").await.answers(200);
    until_followed(&first, &second).await;

    // It takes connections, and answers nothing: a black hole.
    let frozen = first.processes();
    assert!(signal("STOP", &frozen), "it runs");
    second.promote().await;
    until_stored(&client, "promoted").await;
    assert!(signal("CONT", &frozen), "it runs");

    // It is still a primary, for all that it knows. What was sent to it before it stood still may be stored there.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let left_behind = lines(&first).await;
    let before = available(&client).await;
    for number in 0..20 {
        let reply = client.allocate(&format!("after-{number}"), "LAMP", 1).await;
        let _ = reply.answers(201);
        assert_eq!(available(&client).await, before - number - 1, "it is what is true now");
        let page = client.get("/v1/products").await.answers(200);
        assert_eq!(page["items"][0]["available"], before - number - 1);
    }
    assert_eq!(lines(&first).await, left_behind, "it gets nothing more");

    // Alone it is refused, as long as the service lives.
    second.stop().await;
    let reply = timeout(HEARD, client.allocate("alone", "LAMP", 1)).await;
    let _ = reply.expect("an answer in time").refuses(503, "unavailable");
    service.until_logged("it was the primary before").await;
    assert_eq!(lines(&first).await, left_behind);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_primary_that_is_made_read_only_is_left_for_the_new_one() {
    let first = Arc::new(OwnPostgres::start().await);
    drop(open(&first.url()).await.expect("it opens"));
    let second = first.standby().await;
    let service = Service::start(&both(&first, &second)).await;
    let (writer, client) = (service.client(), service.client());
    // Another instance, which changes nothing.
    let idle = Service::start(&both(&first, &second)).await;
    let reader = idle.client();
    client.buy("B1", "LAMP", 1_000).await;
    until_stored(&writer, "before").await;
    assert_eq!(available(&reader).await, 999);
    until_followed(&first, &second).await;

    first.configure("default_transaction_read_only = on");
    first.reload().await;
    // The refusal passes: it is no fault of the command, and not one of the service.
    // Its processes hear of it one after the other.
    let reply = until("it is read-only", async || {
        let reply = client.allocate("demoted", "LAMP", 1).await;
        (reply.status != 201 && reply.status != 200).then_some(reply)
    })
    .await;
    let _ = reply.refuses(503, "unavailable");
    assert!(
        reply.header("retry-after").is_some(),
        "callers are told when to come again"
    );
    until("readiness says so", async || {
        let ready = client
            .try_send(Method::GET, "/health/ready", &[], Vec::new())
            .await
            .ok()?;
        (ready.status == 503).then_some(())
    })
    .await;

    until_followed(&first, &second).await;
    second.promote().await;
    until_stored(&writer, "promoted").await;
    let now = available(&client).await;
    assert!(now < 999, "what is new is seen");
    // Who changes nothing finds it by the probes, which come all the time.
    until("the other instance reads from the new primary", async || {
        drop(reader.try_send(Method::GET, "/health/ready", &[], Vec::new()).await);
        let product = reader.get("/v1/products/LAMP").await;
        (product.status == 200 && product.json()["available"] == now).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_service_goes_along_when_two_servers_change_their_parts_and_back() {
    let first = OwnPostgres::start().await;
    drop(open(&first.url()).await.expect("it opens"));
    let second = first.standby().await;
    let service = Service::start(&both(&first, &second)).await;
    let client = service.client();
    client.buy("B1", "LAMP", 1_000).await;
    let (mut primary, mut standby) = (&first, &second);
    for round in ["there", "back"] {
        until_stored(&client, &format!("before-{round}")).await;
        primary.stop().await;
        standby.promote().await;
        until_stored(&client, round).await;
        // The demoted one is refused as a standby. That it is asked first harms nobody.
        primary.launch_behind(standby).await;
        until_stored(&client, &format!("after-{round}")).await;
        until_followed(standby, primary).await;
        (primary, standby) = (standby, primary);
    }
    assert_eq!(available(&client).await, 994);
    drop(earmark(&both(&second, &first), &["verify"]).await.succeeded());
}
