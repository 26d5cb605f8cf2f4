//! The store on SQLite.

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use earmark_adapters::sqlite::SqliteStore;
use tempfile::TempDir;

use super::{Adapter, Database, Overlap};

/// How many readers an instance has.
const READERS: usize = 2;

/// A SQLite file in a temporary folder of its own.
pub struct SqliteDatabase {
    folder: TempDir,
}

impl SqliteDatabase {
    /// A database in a folder of its own within this one.
    ///
    /// # Panics
    /// When there can be no folder.
    #[must_use]
    pub fn within(folder: &Path) -> Self {
        Self {
            folder: tempfile::tempdir_in(folder).expect("a temporary folder"),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("earmark.db")
    }
}

#[async_trait]
impl Database for SqliteDatabase {
    async fn fresh() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    async fn open(&self) -> Adapter {
        let store = SqliteStore::open(&self.path(), READERS, true).await;
        Adapter::of(store.expect("the file opens"))
    }

    fn url(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    fn overlap(&self) -> Overlap {
        Overlap::Never
    }

    async fn discard(&self) {}
}
