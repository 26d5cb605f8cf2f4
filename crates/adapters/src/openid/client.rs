//! How the provider is asked: one request a connection, encrypted unless the provider is on this machine, with an answer that
//! is not too long. No redirect is followed.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{HeaderValue, USER_AGENT};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use url::Url;

use super::address::{SecureUrl, is_secure};
use crate::tls::{self, TlsError};

/// The longest answer: what a provider says of itself, and its keys, have some kilobytes.
const MAX_ANSWER_BYTES: usize = 512 * 1024;

/// The head of an answer may have so many bytes, and so many fields.
const MAX_HEAD_BYTES: usize = 32 * 1024;
const MAX_HEAD_FIELDS: usize = 100;

/// Tells the provider who calls.
const AGENT: &str = concat!("earmark/", env!("CARGO_PKG_VERSION"));

/// Why there is no answer that is of use.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NoAnswer(String);

impl NoAnswer {
    /// For this reason.
    pub(super) const fn new(why: String) -> Self {
        Self(why)
    }
}

/// Asks the provider.
pub(super) struct HttpClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl HttpClient {
    /// A client for a provider at this address.
    ///
    /// # Errors
    /// When it is to be encrypted, and this machine trusts nobody.
    pub(super) fn new(address: &SecureUrl) -> Result<Self, TlsError> {
        let config = if address.is_encrypted() {
            tls::machine_config()
        } else {
            tls::config_trusting_nobody()
        };
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config?)
            .https_or_http()
            .enable_http1()
            .wrap_connector(tcp);
        let client = Client::builder(TokioExecutor::new())
            // Callers have runtimes of their own, and a connection lives on that of the caller who has opened it.
            .pool_max_idle_per_host(0)
            .http1_max_buf_size(MAX_HEAD_BYTES)
            .http1_max_headers(MAX_HEAD_FIELDS)
            .build(connector);
        Ok(Self(client))
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, NoAnswer> {
        let url = request.uri().to_string();
        if !Url::parse(&url).is_ok_and(|url| is_secure(&url)) {
            return Err(NoAnswer(format!("{url} is not encrypted")));
        }
        let failed = |why: &(dyn Error + 'static)| NoAnswer(format!("{url}: {}", root_cause(why)));
        let mut request = request.map(|body| Full::new(Bytes::from(body)));
        request
            .headers_mut()
            .insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let answer = self.0.request(request).await.map_err(|why| failed(&why))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER_BYTES).collect().await;
        let body = body.map_err(|why| failed(&*why))?.to_bytes();
        if head.status.is_server_error() {
            return Err(NoAnswer(format!("{url} answers {}", head.status)));
        }
        Ok(HttpResponse::from_parts(head, body.into()))
    }
}

impl<'c> AsyncHttpClient<'c> for HttpClient {
    type Error = NoAnswer;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, NoAnswer>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

/// Of nested errors the innermost: the outer ones only say that something went wrong.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
