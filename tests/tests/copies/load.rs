//! Callers, single and in bulk, whose acknowledged orders are recorded; and what copies of their books have to have.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use earmark_tests::service::{Client, Service, earmark, until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Callers of one order at a time, and those who send many in a stream.
const SINGLE: usize = 6;
const BULK: usize = 2;

/// Orders in a stream.
const STREAM: usize = 40;

/// Products that all order.
const PRODUCTS: usize = 8;

fn sku(at: usize) -> String {
    format!("SKU{}", at % PRODUCTS)
}

/// The instant by the clock of this machine, which the servers that are restored go by as well.
#[expect(
    clippy::disallowed_methods,
    reason = "an instant of the load is what a server is brought back to"
)]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// An order that was acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) order: String,
    pub(crate) sent: SystemTime,
    pub(crate) answered: SystemTime,
}

/// What the callers tell at the end.
#[derive(Debug, Default)]
pub(crate) struct Diary {
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// Answers that are none, or another than 201.
    pub(crate) failed: usize,
}

/// Callers at work.
pub(crate) struct Callers {
    tasks: JoinSet<Diary>,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
}

/// Enough of everything for all callers.
pub(crate) async fn stock(client: &Client) {
    for at in 0..PRODUCTS {
        client.buy(&format!("B{at}"), &sku(at), 1_000_000_000).await;
    }
}

impl Callers {
    /// Begins, each with a pause after each answer. Their orders have the name in them.
    pub(crate) fn begin(name: &str, service: &Service, pause: Duration) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for number in 0..SINGLE + BULK {
            let caller = Caller {
                name: format!("{name}-{number}"),
                client: service.client(),
                stop: Arc::clone(&stop),
                acknowledged: Arc::clone(&acknowledged),
                pause,
            };
            let in_bulk = number >= SINGLE;
            tasks.spawn(async move {
                if in_bulk {
                    caller.streams().await
                } else {
                    caller.calls().await
                }
            });
        }
        Self {
            tasks,
            stop,
            acknowledged,
        }
    }

    /// Waits until so many more orders are acknowledged.
    pub(crate) async fn more(&self, orders: usize) {
        let enough = self.acknowledged.load(Ordering::Relaxed) + orders;
        until("enough orders are acknowledged", async || {
            (self.acknowledged.load(Ordering::Relaxed) >= enough).then_some(())
        })
        .await;
    }

    /// Ends, when each has its answer.
    pub(crate) async fn end(self) -> Diary {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Diary::default();
        for diary in self.tasks.join_all().await {
            all.acknowledged.extend(diary.acknowledged);
            all.failed += diary.failed;
        }
        all
    }
}

struct Caller {
    name: String,
    client: Client,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    pause: Duration,
}

impl Caller {
    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    /// Places one order after the other.
    async fn calls(self) -> Diary {
        let mut diary = Diary::default();
        for at in 0.. {
            if !self.goes_on() {
                break;
            }
            let order = format!("{}-{at}", self.name);
            let body = json!({"order_id": order, "sku": sku(at), "quantity": 1});
            let sent = now();
            match self.client.try_json(Method::POST, "/v1/allocations", &body).await {
                Ok(reply) if reply.status == 201 => self.note(&mut diary, vec![order], sent),
                _ => diary.failed += 1,
            }
            sleep(self.pause).await;
        }
        diary
    }

    /// Sends one stream of orders after the other.
    async fn streams(self) -> Diary {
        let mut diary = Diary::default();
        for at in 0.. {
            if !self.goes_on() {
                break;
            }
            let orders: Vec<String> = (0..STREAM).map(|line| format!("{}-{at}-{line}", self.name)).collect();
            let line = |(at, order): (usize, &String)| {
                let lines = json!([{"sku": sku(at), "quantity": 1}, {"sku": sku(at + 1), "quantity": 1}]);
                format!("{}\n", json!({"place_order": {"order_id": order, "lines": lines}}))
            };
            let body: String = orders.iter().enumerate().map(line).collect();
            let headers = [("content-type", "application/x-ndjson")];
            let sent = now();
            let reply = self
                .client
                .try_send(Method::POST, "/v1/bulk", &headers, body.into_bytes());
            let answers = reply.await.map(|reply| reply.text().to_owned()).unwrap_or_default();
            // Answers come in the order of the lines.
            let is_done = |answer: &&str| answer.starts_with("{\"status\":201,");
            let done = answers.lines().take_while(is_done).count();
            diary.failed += usize::from(done < STREAM);
            self.note(&mut diary, orders.into_iter().take(done).collect(), sent);
            sleep(self.pause).await;
        }
        diary
    }

    fn note(&self, diary: &mut Diary, orders: Vec<String>, sent: SystemTime) {
        let answered = now();
        self.acknowledged.fetch_add(orders.len(), Ordering::Relaxed);
        let acknowledged = orders.into_iter().map(|order| Acknowledged { order, sent, answered });
        diary.acknowledged.extend(acknowledged);
    }
}

/// The epoch in the id of an event.
pub(crate) fn epoch(event: &Value) -> u64 {
    let id = event["id"].as_str().expect("an event has an id");
    let epoch = id.rsplit('-').nth(1).expect("with an epoch in it");
    epoch.parse().expect("a number")
}

/// What a copy of the books has.
#[derive(Debug)]
pub(crate) struct Restored {
    /// Its events.
    pub(crate) events: Vec<Value>,
    orders: BTreeSet<String>,
}

impl Restored {
    /// Checks that restored books are sound and a prefix of what all books told, reads them by a service, and stores
    /// something more in them, in another epoch.
    pub(crate) async fn of(url: &str, all: &[Value]) -> Self {
        let verified = earmark(url, &["verify"]).await.succeeded();
        assert!(verified.contains("all is sound"), "{verified}");
        let service = Service::start(url).await;
        let client = service.client();
        let events = client.events().await;
        assert!(events.len() <= all.len(), "{} of {} events", events.len(), all.len());
        for (event, original) in events.iter().zip(all) {
            assert_eq!(event, original);
        }
        let last = events.last().expect("there is something in it");
        let _ = client.allocate("after the restore", "SKU0", 1).await.answers(201);
        let next = client
            .events_after(last["sequence"].as_u64().expect("a sequence"), "")
            .await;
        let [next] = &next[..] else {
            unreachable!("one event after those of the copy: {next:?}")
        };
        assert!(epoch(next) > epoch(last), "{next} after {last}");
        let of = |event: &Value| event["order_id"].as_str().map(str::to_owned);
        let orders = events.iter().filter_map(of).collect();
        drop(service);
        Self { events, orders }
    }

    /// Checks that it has all that was acknowledged before an instant, and nothing that was sent after another.
    pub(crate) fn is_of(&self, diary: &Diary, has: SystemTime, lacks: SystemTime) {
        for acknowledged in &diary.acknowledged {
            let is_there = self.orders.contains(&acknowledged.order);
            assert!(
                is_there || acknowledged.answered >= has,
                "{acknowledged:?} is lost; it has all before {has:?}"
            );
            assert!(
                !is_there || acknowledged.sent <= lacks,
                "{acknowledged:?} is there; it was of {lacks:?}"
            );
        }
    }

    /// The acknowledged orders that it lacks.
    pub(crate) fn lost<'a>(&self, diary: &'a Diary) -> Vec<&'a Acknowledged> {
        let lost = diary.acknowledged.iter();
        lost.filter(|acknowledged| !self.orders.contains(&acknowledged.order))
            .collect()
    }
}
