//! As much of HTTP as a provider needs: one request a connection.

use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request.
pub(super) struct Request {
    pub(super) path: String,
    headers: Vec<(String, String)>,
    parameters: Vec<(String, String)>,
}

fn pairs(text: &str) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        percent_decode_str(&text.replace('+', " "))
            .decode_utf8_lossy()
            .into_owned()
    };
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

impl Request {
    /// A GET of a path with its query.
    pub(super) fn get(path: &str) -> Self {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        Self {
            path: path.to_owned(),
            headers: Vec::new(),
            parameters: pairs(query),
        }
    }

    /// A header.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut given = self
            .headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name));
        given.next().map(|(_, value)| value.as_str())
    }

    /// A parameter of the query or of the form.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let mut given = self.parameters.iter().filter(|(known, _)| known == name);
        given.next().map(|(_, value)| value.clone())
    }
}

/// An answer.
pub(super) struct Answer {
    status: u16,
    body: String,
}

impl Answer {
    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            body: body.to_string(),
        }
    }
}

/// Reads a request and answers it; `None`: it is never answered.
pub(super) async fn serve(mut stream: TcpStream, answer: impl Fn(Request) -> Option<Answer>) {
    let Some(request) = read(&mut stream).await else {
        return;
    };
    let Some(Answer { status, body }) = answer(request) else {
        // Until the client has enough of it.
        let _ = stream.read(&mut [0]).await;
        return;
    };
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    let _ = stream.write_all(text.as_bytes()).await;
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    loop {
        if let Some(request) = parse(&bytes) {
            return Some(request);
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// The request, if all of it has arrived.
fn parse(bytes: &[u8]) -> Option<Request> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let mut request = Request::get(lines.next()?.split(' ').nth(1)?);
    let headers = lines.filter_map(|line| line.split_once(": "));
    request.headers = headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length: usize = request
        .header("content-length")
        .map_or(Some(0), |text| text.parse().ok())?;
    if body.len() < length {
        return None;
    }
    request.parameters.extend(pairs(body));
    Some(request)
}
