//! The client by which subcommands reach a running service.

use std::error::Error;
use std::time::Duration;

use bytes::Buf;
use earmark_adapters::tls;
use hyper::body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use url::Url;

use crate::failure::Failure;

/// A client that sends such bodies, encrypted or not, as an address says.
pub(crate) type HttpClient<B> = Client<HttpsConnector<HttpConnector>, B>;

/// How long a connection may take to open.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for an address. It asks who is asked, and nobody whom that one names.
///
/// # Errors
/// When the address is encrypted, and this machine trusts nobody.
pub(crate) fn http_client<B>(url: &Url) -> Result<HttpClient<B>, Failure>
where
    B: Body<Data: Buf + Send> + Send,
{
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    let config = match url.scheme() {
        "https" => tls::machine_config(),
        _ => tls::config_trusting_nobody(),
    };
    let config = config.map_err(|why| Failure::Failed(why.to_string()))?;
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(config)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// Of nested errors the innermost: the outer ones only say that something went wrong.
pub(crate) fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
