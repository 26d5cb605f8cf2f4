//! A receiver on this machine: keeps what it gets, and answers as it is told.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a receiver does with a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reply {
    /// Answers with a status, further fields (each with its line end), and a body.
    Status(u16, &'static str, &'static str),
    /// Never answers.
    Hang,
    /// Answers with the head for this status, and never with the body.
    HangInBody(u16),
    /// Closes the connection without an answer.
    Close,
    /// Answers with this status and a body of a gigabyte.
    Gigabyte(u16),
    /// Answers with a head that has no end.
    EndlessHead,
}

/// 200, and nothing to say.
pub(crate) const OK: Reply = Reply::Status(200, "", "");

/// A request as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) target: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).expect("it has the header");
        value.to_str().expect("text")
    }
}

#[derive(Debug, Default)]
struct Shared {
    received: Mutex<Vec<Received>>,
    connections: AtomicUsize,
    written: AtomicU64,
}

/// A receiver. Ends with its test.
pub(crate) struct Receiver {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Receiver {
    /// A receiver on loopback that gives the same reply to every request.
    pub(crate) async fn with(reply: Reply) -> Self {
        Self::at("127.0.0.1:0", vec![reply]).await
    }

    /// A receiver that gives one reply after the other; the last one stays.
    pub(crate) async fn at(address: &str, replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind(address).await.expect("it can listen");
        let address = listener.local_addr().expect("it has an address");
        let shared = Arc::new(Shared::default());
        let for_task = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                for_task.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, Arc::clone(&for_task), replies.clone()));
            }
        });
        Self { address, shared, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.shared.received.lock().expect("nobody panicked").clone()
    }

    /// The only request that arrived.
    pub(crate) fn only(&self) -> Received {
        let received = self.received();
        let [only] = received.as_slice() else {
            unreachable!("{} requests arrived", received.len());
        };
        only.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// How many bytes of a long body were taken from it.
    pub(crate) fn written(&self) -> u64 {
        self.shared.written.load(Ordering::Relaxed)
    }
}

/// Serves the requests of a connection. Ends when either side closes it.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, shared: Arc<Shared>, replies: Vec<Reply>) {
    while let Some(received) = read(&mut stream).await {
        let nth = {
            let mut all = shared.received.lock().expect("nobody panicked");
            all.push(received);
            all.len() - 1
        };
        let reply = replies[nth.min(replies.len() - 1)];
        if !answer(&mut stream, reply, &shared).await {
            return;
        }
    }
}

/// Reads a request. `None`: the connection is closed, or has something else on it.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Received> {
    let mut bytes = Vec::new();
    loop {
        let mut fields = [httparse::EMPTY_HEADER; 32];
        let mut request = httparse::Request::new(&mut fields);
        if let httparse::Status::Complete(head) = request.parse(&bytes).ok()? {
            let headers: HeaderMap = request.headers.iter().map(field).collect();
            let length = headers.get("content-length").expect("a length").to_str().expect("text");
            let end = head + length.parse::<usize>().expect("a number");
            if bytes.len() >= end {
                let target = request.path.expect("a target").to_owned();
                let body = bytes[head..end].to_vec();
                return Some(Received { target, headers, body });
            }
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

fn field(header: &httparse::Header<'_>) -> (HeaderName, HeaderValue) {
    let name = header.name.parse().expect("a name");
    (name, HeaderValue::from_bytes(header.value).expect("a value"))
}

/// Answers. `false`: the connection is done with.
async fn answer(stream: &mut (impl AsyncWrite + Unpin), reply: Reply, shared: &Shared) -> bool {
    let (text, rest) = match reply {
        Reply::Status(status, fields, body) => {
            let length = body.len();
            (
                format!("HTTP/1.1 {status} x\r\n{fields}content-length: {length}\r\n\r\n{body}"),
                None,
            )
        }
        Reply::Hang => return std::future::pending().await,
        Reply::Close => return false,
        Reply::HangInBody(status) => (format!("HTTP/1.1 {status} x\r\ncontent-length: 9\r\n\r\nso"), Some(0)),
        Reply::Gigabyte(status) => (
            format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n\r\n", 1 << 30),
            Some(1 << 30),
        ),
        Reply::EndlessHead => ("HTTP/1.1 200 x\r\nx: ".to_owned(), Some(1 << 30)),
    };
    if stream.write_all(text.as_bytes()).await.is_err() {
        return false;
    }
    let Some(rest) = rest else {
        return true;
    };
    let chunk = [b'x'; 64 * 1024];
    for _ in 0..rest / chunk.len() {
        if stream.write_all(&chunk).await.is_err() {
            return false;
        }
        shared.written.fetch_add(chunk.len() as u64, Ordering::Relaxed);
    }
    std::future::pending().await
}
