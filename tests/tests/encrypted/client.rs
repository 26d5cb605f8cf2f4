//! A client of an encrypted service, by either protocol.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use earmark_tests::service::in_time;
use h2::client::{Builder, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Method, Request, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::authority::{Authority, Identity};

/// Whom a client trusts, and who it is.
#[derive(Clone)]
pub(crate) struct Trust(Arc<ClientConfig>);

impl Trust {
    /// A client without a certificate.
    pub(crate) fn of(authority: &Authority) -> Self {
        Self::made(authority, None)
    }

    /// A client with a certificate.
    pub(crate) fn with(authority: &Authority, own: &Identity) -> Self {
        Self::made(authority, Some(own))
    }

    fn made(authority: &Authority, own: Option<&Identity>) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the usual versions")
            .with_root_certificates(authority.roots());
        Self(Arc::new(match own {
            Some(own) => config
                .with_client_auth_cert(vec![own.der()], own.key_der())
                .expect("a certificate with its key"),
            None => config.with_no_client_auth(),
        }))
    }

    /// The same client, which speaks these protocols.
    fn speaking(&self, protocols: &[&[u8]]) -> Arc<ClientConfig> {
        let mut config = (*self.0).clone();
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }

    /// Shakes hands, and speaks of no protocol.
    pub(crate) async fn connect(&self, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
        shake_hands(Arc::clone(&self.0), address).await
    }

    /// A connection that speaks HTTP/1.1.
    pub(crate) async fn http_1(&self, address: SocketAddr) -> io::Result<Http1> {
        let stream = shake_hands(self.speaking(&[b"http/1.1"]), address).await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        Ok(Http1(stream))
    }

    /// A connection that speaks HTTP/2.
    pub(crate) async fn http_2(&self, address: SocketAddr) -> Http2 {
        self.http_2_with(address, Builder::new().enable_push(false)).await
    }

    /// The same, with its own bounds.
    pub(crate) async fn http_2_with(&self, address: SocketAddr, builder: &Builder) -> Http2 {
        let config = self.speaking(&[b"h2", b"http/1.1"]);
        let stream = shake_hands(config, address).await.expect("a handshake");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (requests, connection) = builder.handshake(stream).await.expect("HTTP/2");
        Http2 {
            requests,
            ended: tokio::spawn(connection),
            host: "localhost".to_owned(),
        }
    }
}

async fn shake_hands(config: Arc<ClientConfig>, address: SocketAddr) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from("localhost").expect("a name");
    in_time("a handshake", TlsConnector::from(config).connect(name, stream)).await
}

/// The certificate of the service.
pub(crate) fn peer(stream: &TlsStream<TcpStream>) -> Vec<u8> {
    let shown = stream.get_ref().1.peer_certificates().expect("it has shown one");
    shown[0].to_vec()
}

/// A connection that speaks HTTP/1.1, one request after the other.
pub(crate) struct Http1(TlsStream<TcpStream>);

impl Http1 {
    /// The answer to a GET.
    pub(crate) async fn get(&mut self, path: &str, headers: &str) -> io::Result<String> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n");
        self.0.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        loop {
            let mut chunk = [0; 16 * 1024];
            let read = in_time("an answer", self.0.read(&mut chunk)).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            answer.extend_from_slice(&chunk[..read]);
            let text = String::from_utf8_lossy(&answer).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else {
                continue;
            };
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if length.is_none_or(|length: usize| body.len() >= length) {
                return Ok(text);
            }
        }
    }
}

/// A connection that speaks HTTP/2.
pub(crate) struct Http2 {
    pub(crate) requests: SendRequest<Bytes>,
    /// How it ended.
    pub(crate) ended: JoinHandle<Result<(), h2::Error>>,
    host: String,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Http2 {
    /// The same connection, to a service under another name.
    pub(crate) fn under(mut self, host: &str) -> Self {
        self.host = host.to_owned();
        self
    }

    fn request(&self, method: &Method, path: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder()
            .method(method.clone())
            .uri(format!("https://{}{path}", self.host));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).expect("a request")
    }

    /// Begins a request whose body is to follow, and whose answer is awaited meanwhile.
    pub(crate) async fn begin(
        &self,
        method: &Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (h2::client::ResponseFuture, SendStream<Bytes>) {
        let mut requests = self.requests.clone().ready().await.expect("the connection is open");
        let request = self.request(method, path, headers);
        requests.send_request(request, false).expect("the connection is open")
    }

    /// Sends a request without a body, and returns what will be the answer.
    pub(crate) async fn ask(&self, path: &str) -> Result<h2::client::ResponseFuture, h2::Error> {
        let mut requests = self.requests.clone().ready().await?;
        let request = self.request(&Method::GET, path, &[]);
        Ok(requests.send_request(request, true)?.0)
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, h2::Error> {
        let mut requests = self.requests.clone().ready().await?;
        let request = self.request(&method, path, headers);
        let (answer, mut sending) = requests.send_request(request, body.is_empty())?;
        if !body.is_empty() {
            sending.send_data(Bytes::copy_from_slice(body.as_bytes()), true)?;
        }
        let answer = in_time("an answer", answer).await?;
        let (parts, mut body) = answer.into_parts();
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            body: text_of(&mut body).await?,
        })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer, h2::Error> {
        self.send(Method::GET, path, &[], "").await
    }

    /// POSTs JSON.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        self.send(Method::POST, path, &all, body).await.expect("an answer")
    }
}

/// The whole body, or the rest of it.
pub(crate) async fn text_of(body: &mut RecvStream) -> Result<String, h2::Error> {
    let mut text = String::new();
    while let Some(chunk) = in_time("a body", body.data()).await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    Ok(text)
}

/// What comes of a body until it has this text.
pub(crate) async fn until_text(body: &mut RecvStream, wanted: &str) -> String {
    let mut text = String::new();
    while !text.contains(wanted) {
        let chunk = in_time("a chunk", body.data()).await.expect("more").expect("more");
        body.flow_control().release_capacity(chunk.len()).expect("it was taken");
        text.push_str(&String::from_utf8_lossy(&chunk));
    }
    text
}

/// Waits until a request, or its body, is taken back by the service, and says why.
pub(crate) async fn taken_back(body: &mut RecvStream) -> Option<h2::Reason> {
    loop {
        match poll_fn(|context| body.poll_data(context)).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => return error.reason(),
            None => return None,
        }
    }
}
