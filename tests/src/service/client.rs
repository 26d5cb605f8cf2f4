//! The polite client: JSON over kept-alive connections.

use std::net::SocketAddr;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use serde_json::{Value, json};

use super::reply::Reply;
use super::wait::PATIENCE;

/// A request's answer, or that none came.
pub type Sent = Result<Reply, reqwest::Error>;

/// A client of the service. Cheap to clone: clones share the connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// A text as one segment of a path.
///
/// # Panics
/// Never: the URL it is put into is a good one.
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
    /// When the system lacks what a client needs.
    #[must_use]
    pub fn of(address: SocketAddr) -> Self {
        // Nothing between the client and the service, whatever the environment says of proxies.
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .expect("a client");
        Self {
            http,
            base: format!("http://{address}"),
        }
    }

    /// The address as a URL.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request in the making, for those who want the reply as a stream.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Sends a request with headers and a body, and answers the whole reply, or that none came.
    ///
    /// # Errors
    /// When the connection broke first.
    ///
    /// # Panics
    /// When a header can't be sent.
    pub async fn try_send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Sent {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
            map.append(
                name,
                HeaderValue::from_bytes(value.as_bytes()).expect("a header's value"),
            );
        }
        let reply = self.request(method, path).headers(map).body(body).send().await?;
        Ok(Reply {
            status: reply.status().as_u16(),
            headers: reply.headers().clone(),
            body: reply.bytes().await?.to_vec(),
        })
    }

    /// Sends a request and answers the reply.
    ///
    /// # Panics
    /// When none comes.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Reply {
        let sent = self.try_send(method.clone(), path, headers, body.into()).await;
        sent.unwrap_or_else(|error| panic!("{method} {path} was not answered: {error:?}"))
    }

    /// Sends JSON and answers the reply, or that none came.
    ///
    /// # Errors
    /// When the connection broke first.
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
        self.send(Method::DELETE, path, &[], Vec::new()).await
    }

    /// Sends lines to `/v1/bulk`, and answers what each was answered.
    ///
    /// # Panics
    /// When the reply is no stream of answers.
    pub async fn bulk(&self, lines: &[Value]) -> Vec<Value> {
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let request = self
            .request(Method::POST, "/v1/bulk")
            .header("content-type", "application/x-ndjson");
        // Many commands take longer than one.
        let reply = request.timeout(5 * PATIENCE).body(body).send().await.expect("a reply");
        assert_eq!(reply.status(), 200);
        let answers = reply.text().await.expect("a whole reply");
        answers
            .lines()
            .map(|line| serde_json::from_str(line).expect("an answer is JSON"))
            .collect()
    }

    /// Buys a batch that lies in the warehouse.
    ///
    /// # Panics
    /// When it is not new.
    pub async fn buy(&self, reference: &str, sku: &str, quantity: u64) -> Value {
        let batch = json!({"reference": reference, "sku": sku, "quantity": quantity});
        self.post("/v1/batches", &batch).await.answers(201)
    }

    /// Buys a batch that arrives on a date.
    ///
    /// # Panics
    /// When it is not new.
    pub async fn buy_inbound(&self, reference: &str, sku: &str, quantity: u64, eta: &str) -> Value {
        let batch = json!({"reference": reference, "sku": sku, "quantity": quantity, "eta": eta});
        self.post("/v1/batches", &batch).await.answers(201)
    }

    /// Asks for units of one line, whole, or to be refused.
    pub async fn allocate(&self, order: &str, sku: &str, quantity: u64) -> Reply {
        self.post(
            "/v1/allocations",
            &json!({"order_id": order, "sku": sku, "quantity": quantity}),
        )
        .await
    }

    /// Asks for units of one line, whole, or to wait.
    pub async fn allocate_or_wait(&self, order: &str, sku: &str, quantity: u64) -> Reply {
        let line = json!({"order_id": order, "sku": sku, "quantity": quantity, "on_shortage": "backorder"});
        self.post("/v1/allocations", &line).await
    }

    /// Counts a batch.
    pub async fn count(&self, reference: &str, quantity: u64) -> Reply {
        self.patch(
            &format!("/v1/batches/{}", segment(reference)),
            &json!({"quantity": quantity}),
        )
        .await
    }

    /// A product as it stands.
    ///
    /// # Panics
    /// When there is none.
    pub async fn product(&self, sku: &str) -> Value {
        self.get(&format!("/v1/products/{}", segment(sku))).await.answers(200)
    }

    /// A batch as it stands.
    ///
    /// # Panics
    /// When there is none.
    pub async fn batch(&self, reference: &str) -> Value {
        self.get(&format!("/v1/batches/{}", segment(reference)))
            .await
            .answers(200)
    }

    /// An order as it stands.
    ///
    /// # Panics
    /// When there is none.
    pub async fn order(&self, order: &str) -> Value {
        self.get(&format!("/v1/orders/{}", segment(order))).await.answers(200)
    }
}
