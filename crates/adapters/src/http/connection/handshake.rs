//! The handshake of an encrypted connection, within its bounds.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::connections::Connections;
use super::stream::Connection;
use super::transport::Encrypted;
use crate::http::encryption::Encryption;
use crate::timeout::timeout;

/// How long the handshake may take, from the first byte on. It is two messages each way; a client that needs longer only
/// occupies a connection.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// The name of HTTP/2, as client and server agree upon it.
const HTTP_2: &[u8] = b"h2";

/// What a client that speaks unencrypted HTTP is told.
const PLAIN: &str = "This port speaks HTTPS alone. Use https:// in the address.\n";

/// How much of such a request is read, and for how long, so that the client gets the answer and not a reset connection.
const PLAIN_BYTES: usize = 64 * 1024;
const PLAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection after the handshake, by the protocol that both sides have agreed upon.
pub(in crate::http) enum Negotiated {
    Http1(Box<Encrypted>),
    Http2(Box<Encrypted>),
}

/// Shakes hands with a client. `None`: it did not within the bounds, or the service closes.
///
/// Other connections of the worker go on meanwhile: each is a task of its own.
pub(in crate::http) async fn shake_hands(
    connection: Connection<TcpStream>,
    connections: &Connections,
    encryption: &Encryption,
) -> Option<Negotiated> {
    let shaken = Box::pin(async {
        tokio::select! {
            biased;
            negotiated = negotiate(connection, connections, encryption) => negotiated,
            () = connections.readiness().closing() => Ok(None),
        }
    });
    match timeout(connections.clock(), HANDSHAKE_TIMEOUT, shaken).await {
        Some(Ok(negotiated)) => negotiated,
        Some(Err(why)) => {
            // The client's fault, and a line each could fill the log.
            tracing::debug!(%why, "a handshake failed");
            None
        }
        None => {
            tracing::debug!("a handshake took too long");
            None
        }
    }
}

async fn negotiate(
    mut connection: Connection<TcpStream>,
    connections: &Connections,
    encryption: &Encryption,
) -> io::Result<Option<Negotiated>> {
    let Some(first) = poll_fn(|context| connection.poll_first_byte(context)).await? else {
        return Ok(None);
    };
    // A handshake begins with the number 22; a request with its method.
    if first.is_ascii_uppercase() {
        let answering = Box::pin(answer_plain(connection));
        timeout(connections.clock(), PLAIN_TIMEOUT, answering).await;
        return Ok(None);
    }
    connection.send_at_once();
    let stream = TlsAcceptor::from(encryption.config()).accept(connection).await?;
    let stream = Box::new(stream);
    let is_http_2 = stream.get_ref().1.alpn_protocol() == Some(HTTP_2);
    Ok(Some(if is_http_2 {
        Negotiated::Http2(stream)
    } else {
        Negotiated::Http1(stream)
    }))
}

async fn answer_plain(mut connection: Connection<TcpStream>) -> io::Result<()> {
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{PLAIN}",
        PLAIN.len()
    );
    connection.write_all(answer.as_bytes()).await?;
    connection.shutdown().await?;
    let mut rest = vec![0; 4096];
    let mut left = PLAIN_BYTES;
    while left > 0 {
        match connection.read(&mut rest).await? {
            0 => break,
            read => left = left.saturating_sub(read),
        }
    }
    Ok(())
}
