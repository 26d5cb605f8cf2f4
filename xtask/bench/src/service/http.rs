//! Single requests to the service, each on its own connection.

use std::time::Duration;

use reqwest::blocking::{Client, RequestBuilder};
use reqwest::header::CONTENT_TYPE;
use xtask::Failure;

const TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTP client that keeps no connection open: an idle connection would delay the service's shutdown.
#[derive(Debug, Clone)]
pub(crate) struct Http(Client);

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Http {
    /// A client that uses no proxy.
    pub(crate) fn new() -> Result<Self, Failure> {
        let client = Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(TIMEOUT);
        Ok(Self(client.build()?))
    }

    /// `GET` of a path.
    pub(crate) fn get(&self, address: &str, path: &str) -> Result<Reply, Failure> {
        send(self.0.get(format!("http://{address}{path}")))
    }

    /// `POST` of a JSON body.
    pub(crate) fn post(&self, address: &str, path: &str, body: String) -> Result<Reply, Failure> {
        let request = self.0.post(format!("http://{address}{path}"));
        send(request.header(CONTENT_TYPE, "application/json").body(body))
    }
}

fn send(request: RequestBuilder) -> Result<Reply, Failure> {
    let response = request.send()?;
    Ok(Reply {
        status: response.status().as_u16(),
        body: response.text()?,
    })
}
