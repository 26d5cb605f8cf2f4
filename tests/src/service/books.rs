//! The books as they show from outside: all of them, to be compared.

use serde_json::Value;

use super::client::{Client, segment};

/// All that can be seen of the books.
#[derive(Debug, Clone, PartialEq)]
pub struct Books {
    /// Every product with its batches, by SKU.
    pub products: Vec<Value>,
    /// Every waiting line: product by product, in order of service.
    pub waiting: Vec<Value>,
    /// Every event, ascending.
    pub events: Vec<Value>,
}

impl Client {
    /// Reads a list to its end, page by page. `path` has its query begun, as in `/v1/products?limit=10`.
    ///
    /// # Panics
    /// When a page is none.
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

    /// Every event after a sequence, of those that a filter such as `&sku=LAMP` lets through.
    ///
    /// # Panics
    /// When a page is none, or does not ascend.
    pub async fn events_after(&self, sequence: u64, filter: &str) -> Vec<Value> {
        let mut events: Vec<Value> = Vec::new();
        let mut after = sequence;
        loop {
            let page = self
                .get(&format!("/v1/events?limit=500&after={after}{filter}"))
                .await
                .answers(200);
            let items = page["items"].as_array().expect("a page has items");
            for event in items {
                let sequence = event["sequence"].as_u64().expect("a sequence");
                assert!(sequence > after, "events ascend: {sequence} stands after {after}");
                after = sequence;
            }
            let next = page["next"].as_u64().expect("a page says where to read on");
            assert!(next >= after, "the next page begins behind this one");
            after = next;
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

    /// The types of all events that a filter lets through.
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

    /// The lines that wait for a product, in order of service.
    pub async fn backlog(&self, sku: &str) -> Vec<Value> {
        self.pages(&format!("/v1/products/{}/backlog?limit=100", segment(sku)))
            .await
    }

    /// All of the books.
    ///
    /// # Panics
    /// When a product has no SKU.
    pub async fn books(&self) -> Books {
        let mut books = Books {
            products: Vec::new(),
            waiting: Vec::new(),
            events: self.events().await,
        };
        for summary in self.pages("/v1/products?limit=100").await {
            let sku = summary["sku"].as_str().expect("a product has a SKU");
            books.products.push(self.product(sku).await);
            books.waiting.extend(self.backlog(sku).await);
        }
        books
    }
}
