//! Whatever is delivered several times, to whichever instance, acts once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use earmark_tests::databases::{Db, PostgresDatabase, SqliteDatabase, on_fresh};
use earmark_tests::servers::{NatsServer, RedisServer};
use earmark_tests::service::{Client, Service, earmark, until};
use serde_json::json;

use crate::senders::{DUPLICATE_WINDOW, NatsSender, ask_redis, nats_url, redis_url};
use crate::{allocate, cancel, dead, events, messages};

/// The products that are sold.
const PRODUCTS: usize = 50;

/// If no message gets done for so long, the case has failed.
const STALLED: Duration = Duration::from_secs(90);

/// Instances that take commands from one stream, of which one after the other is killed and started again.
struct Instances {
    db: Db,
    url: String,
    running: Vec<Service>,
}

impl Instances {
    async fn start(db: Db, url: String) -> Self {
        let mut instances = Self {
            db,
            url,
            running: Vec::new(),
        };
        for _ in 0..3 {
            let started = instances.another().await;
            instances.running.push(started);
        }
        instances
    }

    async fn another(&self) -> Service {
        Service::start_with(&self.db.url(), &[("EARMARK__COMMANDS__URLS", &self.url)]).await
    }

    fn client(&self) -> Client {
        self.running[0].client()
    }

    /// Kills an instance at any moment, again and again, while messages are sent and until the stream is empty. Returns how
    /// many were killed while there was work.
    async fn kill_until_all_is_done(&mut self, sender: &NatsSender, sending: impl Future<Output = ()>) -> usize {
        let sent = AtomicBool::new(false);
        let sending = async {
            sending.await;
            sent.store(true, Ordering::Relaxed);
        };
        let killing = async {
            let (mut least, mut since, mut kills) = (u64::MAX, Instant::now(), 0);
            let mut longest_pause = 50;
            loop {
                tokio::time::sleep(Duration::from_millis(fastrand::u64(0..longest_pause))).await;
                longest_pause = 900;
                let was_sent = sent.load(Ordering::Relaxed);
                let Some(left) = sender.left().await else { continue };
                if was_sent && left == 0 {
                    return kills;
                }
                if left < least || !was_sent {
                    (least, since) = (left, Instant::now());
                }
                assert!(since.elapsed() < STALLED, "{left} messages are left");
                let victim = fastrand::usize(0..self.running.len());
                self.running[victim].kill();
                kills += 1;
                self.running[victim] = self.another().await;
            }
        };
        tokio::join!(sending, killing).1
    }
}

/// Orders are placed and cancelled by messages, each of which is sent three times to three instances that are killed at any
/// moment. A message that acted twice would place a cancelled order, or be refused because it is cancelled.
async fn each_message_acts_once(db: Db) {
    let nats = NatsServer::start("");
    let sender = NatsSender::to(&nats).await;
    sender.make_stream_with_repeats().await;
    let mut instances = Instances::start(db.clone(), nats_url(&nats)).await;
    for product in 0..PRODUCTS {
        let reference = format!("b-{product}");
        instances
            .client()
            .buy(&reference, &format!("SKU-{product}"), 1_000_000)
            .await;
    }

    let orders = messages() / 2;
    let placing: Vec<String> = (0..orders).map(|order| format!("place-{order}")).collect();
    let cancelling: Vec<String> = (0..orders).map(|order| format!("cancel-{order}")).collect();
    let placed = |order: usize| allocate(&format!("o-{order}"), &format!("SKU-{}", order % PRODUCTS));
    let cancelled = |order: usize| cancel(&format!("o-{order}"));
    let place = || {
        placing
            .iter()
            .enumerate()
            .map(|(order, id)| (id.as_str(), placed(order)))
    };
    let cancel = || {
        let all = cancelling.iter().enumerate();
        all.map(|(order, id)| (id.as_str(), cancelled(order)))
    };
    let mut kills = instances.kill_until_all_is_done(&sender, sender.send(place())).await;
    // The first ones again, before and behind what undoes them.
    let repeating = async {
        for is_placing in [true, false, true, false, false] {
            if is_placing {
                sender.send(place()).await;
            } else {
                sender.send(cancel()).await;
            }
            tokio::time::sleep(2 * DUPLICATE_WINDOW).await;
        }
    };
    kills += instances.kill_until_all_is_done(&sender, repeating).await;
    assert_eq!(sender.stored().await, 6 * orders as u64, "the server took no repeats");
    assert!(kills > 2, "nobody was killed");

    let client = instances.client();
    let events = events(&client).await;
    let of = |kind: &str| events.get(kind).copied().unwrap_or_default();
    assert_eq!(
        dead(&client).await,
        0,
        "a message acted twice, and was refused: {events:?}"
    );
    assert_eq!((of("Allocated"), of("Deallocated")), (orders, orders), "{events:?}");
    let product = client.product("SKU-7").await;
    assert_eq!(
        (&product["allocated"], &product["available"]),
        (&json!(0), &json!(1_000_000))
    );
    drop(instances);
    let report = earmark(&db.url(), &["verify"]).await.succeeded();
    assert!(!report.is_empty());
}

/// Who names a place for the answer gets it there, the same one when the message comes again.
async fn who_asks_gets_an_answer(db: Db) {
    let (nats, redis) = (NatsServer::start(""), RedisServer::start(""));
    let urls = [nats_url(&nats), redis_url(&redis)].join(",");
    let service = Service::start_with(&db.url(), &[("EARMARK__COMMANDS__URLS", &urls)]).await;
    service.client().buy("b-1", "LAMP", 10).await;
    let sender = NatsSender::to(&nats).await;
    until("the stream is there", async || sender.left().await).await;
    let answer = sender.ask(&allocate("o-1", "LAMP")).await;
    assert_eq!(
        (&answer["status"], &answer["body"]["status"]),
        (&json!(201), &json!("allocated"))
    );
    let answer = ask_redis(&redis, &allocate("o-2", "LAMP")).await;
    assert_eq!(answer["status"], 201);
    let answer = ask_redis(&redis, &allocate("o-3", "NOTHING")).await;
    assert_eq!(
        (&answer["status"], &answer["body"]["code"]),
        (&json!(404), &json!("unknown_sku"))
    );
    let answer = sender.ask("{").await;
    assert_eq!(answer["status"], 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_message_acts_once_on_postgres() {
    on_fresh::<PostgresDatabase, _>(each_message_acts_once).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_gets_an_answer_on_sqlite() {
    on_fresh::<SqliteDatabase, _>(who_asks_gets_an_answer).await;
}
