//! A well-behaved client: JSON over keep-alive connections.

use std::net::SocketAddr;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::documented::Documented;
use super::reply::Reply;
use super::wait::PATIENCE;

/// The reply to a request, or why there is none.
pub type Sent = Result<Reply, reqwest::Error>;

/// A client of the service. Cheap to clone: clones share the connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    /// Whether every answer has to be as the OpenAPI document says.
    as_documented: bool,
    /// The access key that it shows.
    key: Option<String>,
}

/// A text as one segment of a path.
///
/// # Panics
/// Never: the URL is valid.
#[must_use]
pub fn segment(text: &str) -> String {
    let mut url = Url::parse("http://localhost").expect("a URL");
    url.path_segments_mut().expect("a URL with a path").push(text);
    url.path().trim_start_matches('/').to_owned()
}

impl Client {
    /// A client of the service at an address.
    ///
    /// # Panics
    /// When no client can be created.
    #[must_use]
    pub fn of(address: SocketAddr) -> Self {
        // No proxy, whatever the environment says.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .expect("a client");
        Self {
            http,
            base: format!("http://{address}"),
            as_documented: false,
            key: None,
        }
    }

    /// The same client, which holds every answer to the OpenAPI document: an answer with a status or a member that is not
    /// documented fails the case.
    #[must_use]
    pub fn as_documented(self) -> Self {
        Self {
            as_documented: true,
            ..self
        }
    }

    /// A client of the same service that shows this access key.
    #[must_use]
    pub fn with_key(&self, secret: &str) -> Self {
        Self {
            key: Some(secret.to_owned()),
            ..self.clone()
        }
    }

    /// The same client, of a service elsewhere.
    #[must_use]
    pub fn at(self, base: &str) -> Self {
        Self {
            base: base.to_owned(),
            ..self
        }
    }

    /// The address as a URL.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request builder, for a reply that is read as a stream.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// Sends a request with headers and a body, and returns the whole reply.
    ///
    /// # Errors
    /// When the connection breaks.
    ///
    /// # Panics
    /// When a header is invalid, or the reply is not as documented.
    pub async fn try_send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Sent {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
            map.append(
                name,
                HeaderValue::from_bytes(value.as_bytes()).expect("a header's value"),
            );
        }
        let request = self.request(method.clone(), path).headers(map).body(body);
        let reply = request.send().await?;
        let reply = Reply {
            status: reply.status().as_u16(),
            headers: reply.headers().clone(),
            body: reply.bytes().await?.to_vec(),
        };
        self.require_as_documented(&method, path, &reply);
        Ok(reply)
    }

    fn require_as_documented(&self, method: &Method, path: &str, reply: &Reply) {
        if self.as_documented
            && let Err(fault) = Documented::service().check(method.as_str(), path, reply)
        {
            panic!("{method} {path}: {fault}");
        }
    }

    /// Sends a request and returns the reply.
    ///
    /// # Panics
    /// When there is none.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Reply {
        let sent = self.try_send(method.clone(), path, headers, body.into()).await;
        sent.unwrap_or_else(|error| panic!("{method} {path} was not answered: {error:?}"))
    }

    /// Sends JSON and returns the reply.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn try_json(&self, method: Method, path: &str, body: &Value) -> Sent {
        let headers = [("content-type", "application/json")];
        self.try_send(method, path, &headers, body.to_string().into_bytes())
            .await
    }

    async fn json(&self, method: Method, path: &str, body: &Value) -> Reply {
        let sent = self.try_json(method.clone(), path, body).await;
        sent.unwrap_or_else(|error| panic!("{method} {path} was not answered: {error:?}"))
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], Vec::new()).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        self.json(Method::POST, path, body).await
    }

    /// PUT.
    pub async fn put(&self, path: &str, body: &Value) -> Reply {
        self.json(Method::PUT, path, body).await
    }

    /// PATCH.
    pub async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.json(Method::PATCH, path, body).await
    }

    /// DELETE.
    pub async fn delete(&self, path: &str) -> Reply {
        let headers = [("content-type", "application/json")];
        self.send(Method::DELETE, path, &headers, Vec::new()).await
    }

    /// Sends lines to `/v1/bulk`, and returns the answer to each.
    ///
    /// # Panics
    /// When the reply is not a stream of answers, or not as documented.
    pub async fn bulk(&self, lines: &[Value]) -> Vec<Value> {
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let request = self
            .request(Method::POST, "/v1/bulk")
            .header("content-type", "application/x-ndjson");
        // Many commands take longer than one.
        let reply = request.timeout(5 * PATIENCE).body(body).send().await.expect("a reply");
        let reply = Reply {
            status: reply.status().as_u16(),
            headers: reply.headers().clone(),
            body: reply.bytes().await.expect("a whole reply").to_vec(),
        };
        assert_eq!(reply.status, 200);
        self.require_as_documented(&Method::POST, "/v1/bulk", &reply);
        reply
            .text()
            .lines()
            .map(|line| serde_json::from_str(line).expect("an answer is JSON"))
            .collect()
    }

    /// Creates a batch on hand.
    ///
    /// # Panics
    /// When it exists already.
    pub async fn buy(&self, reference: &str, sku: &str, quantity: u64) -> Value {
        let batch = json!({"reference": reference, "sku": sku, "quantity": quantity});
        self.post("/v1/batches", &batch).await.answers(201)
    }

    /// Creates a batch that arrives on a date.
    ///
    /// # Panics
    /// When it exists already.
    pub async fn buy_inbound(&self, reference: &str, sku: &str, quantity: u64, eta: &str) -> Value {
        let batch = json!({"reference": reference, "sku": sku, "quantity": quantity, "eta": eta});
        self.post("/v1/batches", &batch).await.answers(201)
    }

    /// Allocates a line in one batch, or is refused.
    pub async fn allocate(&self, order: &str, sku: &str, quantity: u64) -> Reply {
        self.post(
            "/v1/allocations",
            &json!({"order_id": order, "sku": sku, "quantity": quantity}),
        )
        .await
    }

    /// Allocates a line in one batch, or backorders it.
    pub async fn allocate_or_wait(&self, order: &str, sku: &str, quantity: u64) -> Reply {
        let line = json!({"order_id": order, "sku": sku, "quantity": quantity, "on_shortage": "backorder"});
        self.post("/v1/allocations", &line).await
    }

    /// Changes the quantity of a batch.
    pub async fn count(&self, reference: &str, quantity: u64) -> Reply {
        self.patch(
            &format!("/v1/batches/{}", segment(reference)),
            &json!({"quantity": quantity}),
        )
        .await
    }

    /// A product.
    ///
    /// # Panics
    /// When there is none.
    pub async fn product(&self, sku: &str) -> Value {
        self.get(&format!("/v1/products/{}", segment(sku))).await.answers(200)
    }

    /// A batch.
    ///
    /// # Panics
    /// When there is none.
    pub async fn batch(&self, reference: &str) -> Value {
        self.get(&format!("/v1/batches/{}", segment(reference)))
            .await
            .answers(200)
    }

    /// An order.
    ///
    /// # Panics
    /// When there is none.
    pub async fn order(&self, order: &str) -> Value {
        self.get(&format!("/v1/orders/{}", segment(order))).await.answers(200)
    }
}
