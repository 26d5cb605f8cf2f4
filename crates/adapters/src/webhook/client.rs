//! The HTTP client: one for each webhook, with the connection that it keeps.

use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::error::WebhookError;
use super::guard::Guard;
use crate::tls;

/// Who has not taken a connection by then is not there. The addresses of a name share it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection is kept for so long without use: less than the five seconds after which common servers (Node's is one)
/// close it, so that few requests meet one that is about to be closed.
const MAX_IDLE: Duration = Duration::from_secs(4);

/// A webhook has one request at a time, so it needs one connection.
const MAX_IDLE_CONNECTIONS: usize = 1;

/// The head of an answer may have so many bytes, and so many fields: servers of all kinds stay far below.
const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_HEAD_FIELDS: usize = 100;

/// Sends requests. It follows no redirect, knows no proxy, and decompresses nothing.
pub(super) type HttpClient = Client<HttpsConnector<HttpConnector<Guard>>, Full<Bytes>>;

/// A client that connects to what the guard lets pass.
pub(super) fn client(guard: Guard, tls: ClientConfig) -> HttpClient {
    let mut tcp = HttpConnector::new_with_resolver(guard);
    // TLS is put on top.
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(tls)
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp);
    Client::builder(TokioExecutor::new())
        .pool_idle_timeout(MAX_IDLE)
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
        .http1_max_buf_size(MAX_HEAD_BYTES)
        .http1_max_headers(MAX_HEAD_FIELDS)
        .build(connector)
}

/// How connections are encrypted: with servers that show a certificate of one of the authorities in a file, or of those
/// that the machine trusts, for the name in the URL.
///
/// # Errors
/// [`WebhookError::Certificates`].
pub(super) fn encrypted(authorities: Option<&Path>) -> Result<ClientConfig, WebhookError> {
    let config = match authorities {
        Some(file) => tls::client_config(authorities_in(file)?),
        None => tls::of_the_machine().map(|authorities| authorities.config.clone()),
    };
    config.map_err(|why| WebhookError::Certificates(why.to_string()))
}

/// For a client that encrypts nothing: it trusts nobody.
///
/// # Errors
/// [`WebhookError::Certificates`].
pub(super) fn plain() -> Result<ClientConfig, WebhookError> {
    let config = tls::client_config(RootCertStore::empty());
    config.map_err(|why| WebhookError::Certificates(why.to_string()))
}

/// The certificates of the trusted authorities in a file.
///
/// # Errors
/// [`WebhookError::Certificates`] when it can't be read, or has none.
fn authorities_in(file: &Path) -> Result<RootCertStore, WebhookError> {
    let mut authorities = RootCertStore::empty();
    let unreadable = |why: &dyn Display| WebhookError::Certificates(format!("{} can't be read: {why}", file.display()));
    for certificate in CertificateDer::pem_file_iter(file).map_err(|why| unreadable(&why))? {
        let certificate = certificate.map_err(|why| unreadable(&why))?;
        authorities.add(certificate).map_err(|why| unreadable(&why))?;
    }
    if authorities.is_empty() {
        return Err(unreadable(&"there is no certificate in it"));
    }
    Ok(authorities)
}
