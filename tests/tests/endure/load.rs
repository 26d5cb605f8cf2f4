//! The load: clients that each order products of their own, and record every answer and how long it took.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use earmark_tests::history::{Entry, Request};
use earmark_tests::service::{Client, Desk, own_memory_of};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

/// The one product that a fault may concern by itself, which has a client of its own.
pub(crate) const LOCKED: &str = "LOCKED";

/// Clients of products that no fault concerns.
const WORKERS: usize = 6;

/// Products of each client.
const PRODUCTS: usize = 3;

/// The pause of a client between two requests: the load leaves room, so that a late answer has another cause.
const PAUSE: Duration = Duration::from_millis(30);

/// The pause after a request that failed, so that a service that is down is not called all the time.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(100);

/// How often the memory of the service is read.
const SAMPLING: Duration = Duration::from_millis(100);

/// The service that runs at the moment; another one after a restart.
#[derive(Debug, Clone)]
pub(crate) struct Running {
    /// A client of it.
    pub(crate) client: Client,
    /// The id of its process.
    pub(crate) pid: u32,
}

impl Running {
    /// The service of a desk.
    pub(crate) fn of(desk: &Desk) -> Self {
        Self {
            client: desk.service.client(),
            pid: desk.service.pid(),
        }
    }
}

/// What a caller heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// An answer.
    Answer,
    /// To send again later: 503, with or without `Retry-After`.
    SendAgain { says_when: bool },
    /// Nothing: the connection failed.
    Nothing,
}

/// One call, as its caller saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    /// When it was sent.
    pub(crate) sent: Instant,
    /// When it was answered, or failed.
    pub(crate) ended: Instant,
    /// What was heard.
    pub(crate) heard: Heard,
    /// Whether it was about [`LOCKED`].
    pub(crate) locked: bool,
}

/// What one client did.
#[derive(Debug, Default)]
pub(crate) struct Diary {
    /// Its requests with their answers.
    pub(crate) entries: Vec<Entry>,
    /// Its calls.
    pub(crate) calls: Vec<Call>,
}

/// What all clients did.
#[derive(Debug)]
pub(crate) struct History {
    /// The diary of each client. No two use the same names.
    pub(crate) diaries: Vec<Diary>,
    /// The most memory that the service had, in KiB.
    pub(crate) memory: u64,
}

/// Clients that run until they are stopped.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    workers: JoinSet<Diary>,
    memory: JoinHandle<u64>,
}

impl Load {
    /// Names the products and starts the clients.
    pub(crate) async fn begin(desk: &Desk, running: &watch::Receiver<Running>) -> Self {
        let mut clients: Vec<(String, Vec<String>)> = (0..WORKERS)
            .map(|at| {
                (
                    format!("w{at}"),
                    (0..PRODUCTS).map(|of| format!("W{at}-{of}")).collect(),
                )
            })
            .collect();
        clients.push(("locked".to_owned(), vec![LOCKED.to_owned()]));
        let stop = Arc::new(AtomicBool::new(false));
        let mut workers = JoinSet::new();
        for (name, skus) in clients {
            for sku in &skus {
                let path = format!("/v1/products/{sku}");
                let _ = desk.put(&path, &json!({"name": "popular"})).await.answers(200);
            }
            workers.spawn(work(name, skus, running.clone(), stop.clone()));
        }
        let memory = tokio::spawn(most_memory(running.clone(), stop.clone()));
        Self { stop, workers, memory }
    }

    /// Stops the clients, each after its present request.
    pub(crate) async fn end(self) -> History {
        self.stop.store(true, Ordering::Relaxed);
        History {
            diaries: self.workers.join_all().await,
            memory: self.memory.await.expect("the memory is read"),
        }
    }
}

/// The most memory that any service had.
async fn most_memory(running: watch::Receiver<Running>, stop: Arc<AtomicBool>) -> u64 {
    let mut most = 0;
    while !stop.load(Ordering::Relaxed) {
        let pid = running.borrow().pid;
        most = most.max(own_memory_of(pid).unwrap_or(0));
        sleep(SAMPLING).await;
    }
    most
}

/// A client that sends one request after the other, and goes on whatever it hears. It changes only what it knows to be
/// there, and counts no batch twice, so that a request without an answer leaves one thing open.
async fn work(name: String, skus: Vec<String>, running: watch::Receiver<Running>, stop: Arc<AtomicBool>) -> Diary {
    let mut diary = Diary::default();
    let mut placed: Vec<String> = Vec::new();
    let mut uncounted: Vec<String> = Vec::new();
    for at in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let sku = |of: usize| skus[of % skus.len()].clone();
        let on_shortage = if at % 2 == 0 { "backorder" } else { "reject" };
        let order = format!("o-{name}-{at}");
        let quantity = 1 + at as u64 % 3;
        let request = match at % 8 {
            0 => Request::Create {
                batch: format!("b-{name}-{at}"),
                sku: sku(at / 8),
                quantity: 14,
            },
            1 | 2 | 5 => Request::Allocate {
                order,
                line: (sku(at), quantity),
                on_shortage,
            },
            3 | 6 => Request::Place {
                order,
                lines: (0..skus.len()).map(|line| (sku(line), quantity)).collect(),
                on_shortage,
            },
            4 => match uncounted.pop() {
                Some(batch) => Request::Count {
                    batch,
                    quantity: at as u64 % 17,
                },
                None => continue,
            },
            _ => match placed.pop() {
                Some(order) => Request::Cancel { order },
                None => continue,
            },
        };
        let client = running.borrow().client.clone();
        let sent = Instant::now();
        let reply = request.send(&client).await;
        let heard = match &reply {
            Ok(reply) if reply.status == 503 => Heard::SendAgain {
                says_when: reply.header("retry-after").is_some(),
            },
            Ok(_) => Heard::Answer,
            Err(_) => Heard::Nothing,
        };
        diary.calls.push(Call {
            sent,
            ended: Instant::now(),
            heard,
            locked: skus == [LOCKED],
        });
        let entry = Entry::answered(request, reply);
        if entry.is_done() {
            match &entry.request {
                Request::Allocate { order, .. } | Request::Place { order, .. } => placed.push(order.clone()),
                Request::Create { batch, .. } => uncounted.push(batch.clone()),
                Request::Count { .. } | Request::Cancel { .. } => {}
            }
        }
        diary.entries.push(entry);
        let pause = if heard == Heard::Answer {
            PAUSE
        } else {
            PAUSE_AFTER_FAILURE
        };
        sleep(pause).await;
    }
    diary
}
