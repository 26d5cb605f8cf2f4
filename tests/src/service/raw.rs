//! A client that may misbehave: it sends any bytes on a connection, and reads what comes back.

use std::io;
use std::net::SocketAddr;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpSocket, TcpStream};

use super::reply::Reply;
use super::wait::in_time;

/// A connection that sends bytes unchecked.
#[derive(Debug)]
pub struct RawConnection {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
    /// The beginning of a line that is not complete yet.
    pending: Vec<u8>,
}

impl RawConnection {
    /// Connects.
    ///
    /// # Panics
    /// When the service does not listen.
    pub async fn open(address: SocketAddr) -> Self {
        Self::of(TcpStream::connect(address).await.expect("the service listens"))
    }

    /// Connects with a small buffer for what is received, so that the service notices soon that nothing is read.
    ///
    /// # Panics
    /// When the service does not listen.
    pub async fn open_asleep(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4 * 1024).expect("a TCP socket");
        Self::of(socket.connect(address).await.expect("the service listens"))
    }

    fn of(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP connection");
        let (read, write) = stream.into_split();
        Self {
            read: BufReader::new(read),
            write,
            pending: Vec::new(),
        }
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// When the other side has closed.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.write.write_all(bytes.as_ref()).await
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// When the other side has closed, or does not read.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        in_time("the service reads", self.try_send(bytes))
            .await
            .expect("the connection is open");
    }

    /// Sends a GET of exactly this path, and returns the reply.
    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n"))
            .await;
        self.reply().await
    }

    /// Sends the head of a POST with more headers; the JSON body is to follow.
    pub async fn begin_post(&mut self, path: &str, headers: &str) {
        self.begin(path, "application/json", headers).await;
    }

    /// Sends the head of a bulk request; its lines are to follow in chunks.
    pub async fn begin_bulk(&mut self) {
        self.begin("/v1/bulk", "application/x-ndjson", "transfer-encoding: chunked\r\n")
            .await;
    }

    async fn begin(&mut self, path: &str, media_type: &str, headers: &str) {
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {media_type}\r\n{headers}\r\n");
        self.send(head).await;
    }

    /// Sends one chunk of a chunked body.
    ///
    /// # Errors
    /// When the other side has closed.
    pub async fn try_chunk(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        let bytes = bytes.as_ref();
        self.try_send(format!("{:x}\r\n", bytes.len())).await?;
        self.try_send(bytes).await?;
        self.try_send("\r\n").await
    }

    /// Sends one chunk of a chunked body.
    ///
    /// # Panics
    /// When the other side has closed, or does not read.
    pub async fn chunk(&mut self, bytes: impl AsRef<[u8]>) {
        in_time("the service reads", self.try_chunk(bytes))
            .await
            .expect("the connection is open");
    }

    /// Ends a chunked body.
    pub async fn last_chunk(&mut self) {
        self.send("0\r\n\r\n").await;
    }

    /// Closes the sending half; the receiving half stays open.
    ///
    /// # Panics
    /// When the connection is closed.
    pub async fn hang_up(&mut self) {
        self.write.shutdown().await.expect("the connection is open");
    }

    /// The status and the headers of a reply.
    ///
    /// # Panics
    /// When something else is received.
    pub async fn head(&mut self) -> Reply {
        let first = self.line().await;
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {first:?}"));
        let mut headers = HeaderMap::new();
        loop {
            let line = self.line().await;
            if line.is_empty() {
                return Reply {
                    status,
                    headers,
                    body: Vec::new(),
                };
            }
            let (name, value) = line.split_once(':').expect("a header has a name");
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
            headers.append(name, HeaderValue::from_str(value.trim()).expect("a header's value"));
        }
    }

    /// A complete reply.
    ///
    /// # Panics
    /// When something else is received.
    pub async fn reply(&mut self) -> Reply {
        let mut reply = self.head().await;
        if reply.header("transfer-encoding") == Some("chunked") {
            while let Some(chunk) = self.next_chunk().await {
                reply.body.extend(chunk);
            }
        } else if let Some(length) = reply.header("content-length") {
            reply.body = vec![0; length.parse().expect("a length")];
            let whole = self.read.read_exact(&mut reply.body);
            in_time("the body arrives", whole).await.expect("a complete body");
        } else {
            reply.body = self.rest().await;
        }
        reply
    }

    /// The next chunk of a chunked reply; `None` at its end.
    ///
    /// # Panics
    /// When something else is received.
    pub async fn next_chunk(&mut self) -> Option<Vec<u8>> {
        let length = self.line().await;
        let length = usize::from_str_radix(&length, 16).unwrap_or_else(|_| panic!("no chunk: {length:?}"));
        let mut chunk = vec![0; length];
        in_time("a chunk arrives", self.read.read_exact(&mut chunk))
            .await
            .expect("a complete chunk");
        assert_eq!(self.line().await, "", "a chunk ends with an empty line");
        (length > 0).then_some(chunk)
    }

    /// The next line of a chunked reply; `None` at its end.
    ///
    /// # Panics
    /// When something else is received, or the reply ends within a line.
    pub async fn next_line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line = self.pending.drain(..=end).take(end).collect();
                return Some(String::from_utf8(line).expect("lines in UTF-8"));
            }
            match self.next_chunk().await {
                Some(chunk) => self.pending.extend(chunk),
                None => {
                    assert!(self.pending.is_empty(), "the last line is terminated");
                    return None;
                }
            }
        }
    }

    /// The bytes that are received until the other side closes.
    pub async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset closes the connection as well.
        drop(in_time("the service closes", self.read.read_to_end(&mut rest)).await);
        rest
    }

    async fn line(&mut self) -> String {
        let mut line = Vec::new();
        let read = in_time("a line arrives", self.read.read_until(b'\n', &mut line)).await;
        let length = read.expect("the connection is open");
        assert!(length > 0, "the service closed the connection");
        let line = String::from_utf8(line).expect("a line in UTF-8");
        line.trim_end_matches(['\r', '\n']).to_owned()
    }
}
