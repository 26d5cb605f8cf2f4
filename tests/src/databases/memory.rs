//! The store in memory.

use async_trait::async_trait;
use earmark_adapters::memory::MemoryStore;

use super::{Adapter, Database, Overlap};

/// A store in memory, which lasts as long as the case.
#[derive(Default)]
pub struct MemoryDatabase {
    store: MemoryStore,
}

#[async_trait]
impl Database for MemoryDatabase {
    async fn fresh() -> Self {
        Self::default()
    }

    async fn open(&self) -> Adapter {
        Adapter::of(self.store.clone())
    }

    fn url(&self) -> String {
        "memory:".to_owned()
    }

    fn overlap(&self) -> Overlap {
        Overlap::Always
    }

    async fn discard(&self) {}
}
