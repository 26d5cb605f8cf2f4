//! Adapter in memory.

use async_trait::async_trait;
use earmark_adapters::memory::MemoryStore;

use super::{Adapter, Database, Overlap};

/// Adapter in memory: they stand as long as the case runs.
#[derive(Default)]
pub struct MemoryDatabase {
    books: MemoryStore,
}

#[async_trait]
impl Database for MemoryDatabase {
    async fn fresh() -> Self {
        Self::default()
    }

    async fn open(&self) -> Adapter {
        Adapter::of(self.books.clone())
    }

    fn url(&self) -> String {
        "memory:".to_owned()
    }

    fn overlap(&self) -> Overlap {
        Overlap::Always
    }

    async fn discard(&self) {}
}
