//! A receiver of webhooks that follows a script, and keeps what it gets.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What it does with a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// It answers with a status.
    Status(u16),
    /// It answers 204 after so long.
    Late(Duration),
    /// It closes the connection.
    Drops,
}

/// A request, and the events in it.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) body: Vec<u8>,
    pub(crate) events: Vec<Value>,
    /// Whether it was answered by 2xx.
    pub(crate) taken: bool,
}

type Script = dyn Fn(&[Value]) -> Reply + Send + Sync;

/// A receiver on loopback. Ends with its case.
pub(crate) struct Receiver {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    job: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.job.abort();
    }
}

impl Receiver {
    pub(crate) async fn start(script: impl Fn(&[Value]) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("it can listen");
        let address = listener.local_addr().expect("it has an address");
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let kept = Arc::clone(&requests);
        let script: Arc<Script> = Arc::new(script);
        let job = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let (kept, script) = (Arc::clone(&kept), Arc::clone(&script));
                tokio::spawn(async move { serve(stream, &kept, &*script).await });
            }
        });
        Self { address, requests, job }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// All requests, in the order in which they were answered.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("nobody panicked").clone()
    }

    /// The ids of the events that were taken, each where it first was.
    pub(crate) fn taken(&self) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        let mut seen = std::collections::BTreeSet::new();
        for request in self.requests().iter().filter(|request| request.taken) {
            for event in &request.events {
                let id = event["id"].as_str().expect("an id").to_owned();
                if seen.insert(id.clone()) {
                    ids.push(id);
                }
            }
        }
        ids
    }
}

/// Serves one connection. Ends when it is closed.
async fn serve(mut stream: TcpStream, kept: &Mutex<Vec<Request>>, script: &Script) {
    let mut buffer = Vec::new();
    while let Some((id, body)) = read(&mut stream, &mut buffer).await {
        let events: Vec<Value> = serde_json::from_slice(&body).expect("a batch of events");
        let reply = script(&events);
        let status = match reply {
            Reply::Status(status) => status,
            Reply::Late(time) => {
                tokio::time::sleep(time).await;
                204
            }
            Reply::Drops => 0,
        };
        let taken = (200..300).contains(&status);
        let request = Request {
            id,
            body,
            events,
            taken,
        };
        kept.lock().expect("nobody panicked").push(request);
        let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
        if status == 0 || stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads a request: its id and its body. `None`: the connection is closed.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<(String, Vec<u8>)> {
    loop {
        if let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
            let field = |name: &str| {
                let lines = text.lines().filter_map(|line| line.split_once(": "));
                let mut values = lines.filter(|(field, _)| field.eq_ignore_ascii_case(name));
                values
                    .next()
                    .map(|(_, value)| value.to_owned())
                    .expect("the field is there")
            };
            let end = head + 4 + field("content-length").parse::<usize>().expect("a number");
            if buffer.len() >= end {
                let body = buffer[head + 4..end].to_vec();
                buffer.drain(..end);
                return Some((field("webhook-id"), body));
            }
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
