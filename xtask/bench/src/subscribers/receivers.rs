//! Receivers of webhooks: a server on 127.0.0.1 that notes what arrives.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use xtask::Failure;

/// The most headers of a request.
const MOST_HEADERS: usize = 32;

/// The longest request that is read, in bytes: a batch of the service has less.
const LONGEST_REQUEST: usize = 4 << 20;

/// An event that has reached a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Arrival {
    /// When its command was decided, which is before it was stored.
    pub(crate) decided: Timestamp,
    /// When it had arrived.
    pub(crate) at: Timestamp,
}

impl Arrival {
    /// The event of an allocation, in the wire format, that had arrived at an instant. `None` for another type: the stock
    /// was there before the load, and its events must make up for none that is missing.
    pub(crate) fn of(event: &Value, at: Timestamp) -> Result<Option<Self>, Failure> {
        let decided = event["occurred_at"].as_str().ok_or("an event without occurred_at")?;
        let decided = decided.parse()?;
        Ok((event["type"] == "Allocated").then_some(Self { decided, at }))
    }

    /// From the decision until it had arrived.
    pub(crate) fn took(&self) -> Duration {
        Duration::try_from(self.at.duration_since(self.decided)).unwrap_or_default()
    }
}

/// How a receiver behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It takes a batch after this time.
    Takes(Duration),
    /// It takes a batch after this time, but for one that has an event of this SKU: it fails on that.
    Poisoned(Duration, &'static str),
    /// It reads, and never answers.
    Hangs,
}

/// A running server of any number of receivers: each path is one. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Receivers {
    port: u16,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Receivers {
    /// Starts them on a thread of their own.
    pub(crate) fn start(manner: Manner) -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (end, ended) = oneshot::channel::<()>();
        let arrivals = Arc::default();
        let noted = Arc::clone(&arrivals);
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                    return;
                };
                let accepting = async {
                    while let Ok((stream, _)) = listener.accept().await {
                        let noted = Arc::clone(&noted);
                        tokio::spawn(async move {
                            // A connection ends when the service ends it.
                            drop(receive(stream, manner, &noted).await);
                        });
                    }
                };
                tokio::select! {
                    () = accepting => {}
                    _ = ended => {}
                }
            });
        });
        Ok(Self {
            port,
            arrivals,
            end: Some(end),
            thread: Some(thread),
        })
    }

    /// The URLs of so many of them.
    pub(crate) fn urls(&self, receivers: usize) -> Vec<String> {
        (0..receivers)
            .map(|number| format!("http://127.0.0.1:{}/{number}", self.port))
            .collect()
    }

    /// What has arrived so far, in the order in which it did.
    pub(crate) fn arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Receivers {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was printed by itself.
            drop(thread.join());
        }
    }
}

/// Answers the requests of one connection.
async fn receive(mut stream: TcpStream, manner: Manner, noted: &Mutex<Vec<Arrival>>) -> Result<(), Failure> {
    let mut buffer = Vec::new();
    loop {
        let (head, length) = loop {
            if let Some(found) = parse(&buffer)? {
                break found;
            }
            if buffer.len() > LONGEST_REQUEST || stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        };
        while buffer.len() < head + length {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
        let body = &buffer[head..head + length];
        let taken = match manner {
            Manner::Hangs => std::future::pending().await,
            Manner::Takes(after) => {
                tokio::time::sleep(after).await;
                true
            }
            Manner::Poisoned(after, sku) => {
                tokio::time::sleep(after).await;
                !events_of(body)?.iter().any(|event| event["sku"] == sku)
            }
        };
        if taken {
            #[expect(
                clippy::disallowed_methods,
                reason = "the bench measures by the clock of the machine, as the service does"
            )]
            let at = Timestamp::now();
            let arrived = events_of(body)?;
            let arrived = arrived.iter().filter_map(|event| Arrival::of(event, at).transpose());
            let arrived: Vec<Arrival> = arrived.collect::<Result<_, _>>()?;
            noted.lock().unwrap_or_else(PoisonError::into_inner).extend(arrived);
        }
        buffer.drain(..head + length);
        let status = if taken {
            "204 No Content"
        } else {
            "500 Internal Server Error"
        };
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// The events in the data of a batch of CloudEvents.
fn events_of(body: &[u8]) -> Result<Vec<Value>, Failure> {
    let batch: Vec<Value> = serde_json::from_slice(body)?;
    Ok(batch.into_iter().map(|mut event| event["data"].take()).collect())
}

/// The length of a request's head and of its body; `None` while the head is incomplete.
fn parse(bytes: &[u8]) -> Result<Option<(usize, usize)>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(head) = request.parse(bytes)? else {
        return Ok(None);
    };
    let length = request
        .headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case("content-length"))
        .ok_or("a request without a length")?;
    Ok(Some((head, String::from_utf8_lossy(length.value).parse()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_an_event_took_is_read_from_it() {
        let event = |kind: &str| serde_json::json!({"type": kind, "occurred_at": "2030-01-31T10:00:00.000100Z"});
        let at = "2030-01-31T10:00:00.0051Z".parse().expect("an instant");
        let arrival = Arrival::of(&event("Allocated"), at).expect("an event");
        let arrival = arrival.expect("it is one of an allocation");
        assert_eq!(arrival.took(), Duration::from_millis(5));
        assert_eq!(Arrival::of(&event("BatchCreated"), at).expect("an event"), None);
        assert!(Arrival::of(&serde_json::json!({}), at).is_err());
    }

    #[test]
    fn a_request_is_read_when_its_head_is_complete() {
        let request = b"POST /7 HTTP/1.1\r\nContent-Length: 12\r\n\r\n[]";
        assert_eq!(parse(&request[..20]).expect("sound so far"), None);
        assert_eq!(parse(request).expect("sound"), Some((request.len() - 2, 12)));
        assert!(parse(b"POST / HTTP/1.1\r\n\r\n").is_err());
    }
}
