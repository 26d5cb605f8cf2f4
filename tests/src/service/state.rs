//! The whole state as the API shows it, to be compared.

use earmark_application::LogPosition;
use serde_json::Value;

use super::client::{Client, segment};

/// All that the API shows.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// Every product with its batches, by SKU.
    pub products: Vec<Value>,
    /// Every backordered line: product by product, in order of service.
    pub waiting: Vec<Value>,
    /// Every event, in ascending order.
    pub events: Vec<Value>,
}

impl Client {
    /// Reads a list to its end, page by page. `path` begins its query, as in `/v1/products?limit=10`.
    ///
    /// # Panics
    /// When a reply is not a page.
    pub async fn pages(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let page = match &after {
                None => self.get(path).await.answers(200),
                Some(after) => self.get(&format!("{path}&after={}", segment(after))).await.answers(200),
            };
            items.extend(page["items"].as_array().expect("a page has items").iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => return items,
            }
        }
    }

    /// Every event after a sequence number that a filter such as `&sku=LAMP` matches.
    ///
    /// # Panics
    /// When a reply is not a page, or events are out of order.
    pub async fn events_after(&self, sequence: u64, filter: &str) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        let mut last = sequence;
        let mut after = sequence.to_string();
        loop {
            let page = self
                .get(&format!("/v1/events?limit=500&after={after}{filter}"))
                .await
                .answers(200);
            let items = page["items"].as_array().expect("a page has items");
            for event in items {
                let sequence = event["sequence"].as_u64().expect("a sequence");
                assert!(sequence > last, "event {sequence} comes after {last}");
                last = sequence;
            }
            let next: LogPosition = page["next"]
                .as_str()
                .expect("a cursor")
                .parse()
                .expect("a place in the log");
            assert!(next.sequence >= last, "the next page begins after this one");
            last = next.sequence;
            after = next.to_string();
            if items.is_empty() {
                return events;
            }
            events.extend(items.iter().cloned());
        }
    }

    /// Every event.
    pub async fn events(&self) -> Vec<Value> {
        self.events_after(0, "").await
    }

    /// The types of all events that a filter matches.
    ///
    /// # Panics
    /// When an event has none.
    pub async fn event_types(&self, filter: &str) -> Vec<String> {
        let events = self.events_after(0, filter).await;
        events
            .iter()
            .map(|event| event["type"].as_str().expect("a type").to_owned())
            .collect()
    }

    /// The backlog of a product, in order of service.
    pub async fn backlog(&self, sku: &str) -> Vec<Value> {
        self.pages(&format!("/v1/products/{}/backlog?limit=100", segment(sku)))
            .await
    }

    /// All that the API shows.
    ///
    /// # Panics
    /// When a product has no SKU.
    pub async fn state(&self) -> State {
        let mut state = State {
            products: Vec::new(),
            waiting: Vec::new(),
            events: self.events().await,
        };
        for summary in self.pages("/v1/products?limit=100").await {
            let sku = summary["sku"].as_str().expect("a product has a SKU");
            state.products.push(self.product(sku).await);
            state.waiting.extend(self.backlog(sku).await);
        }
        state
    }
}
