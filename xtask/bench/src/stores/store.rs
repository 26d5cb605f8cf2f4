//! A store of the service.

use std::path::Path;

use clap::ValueEnum;
use xtask::Failure;

/// A database engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(crate) const ALL: [Self; 2] = [Self::Postgres, Self::Sqlite];

    /// As the report names it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A store, and the process that serves it.
#[derive(Debug)]
pub(crate) struct Store {
    /// The service's setting `store.url`.
    pub(crate) url: String,
    /// The main process of the database server; `None` for SQLite, which runs in the service.
    pub(crate) server: Option<u32>,
}

impl Store {
    /// A SQLite file.
    pub(crate) fn sqlite(file: &Path) -> Self {
        Self {
            url: format!("sqlite:{}", file.display()),
            server: None,
        }
    }

    /// The SQLite file.
    ///
    /// # Errors
    /// The store is on PostgreSQL.
    pub(crate) fn file(&self) -> Result<&Path, Failure> {
        let path = self.url.strip_prefix("sqlite:").map(Path::new);
        path.ok_or_else(|| "the store is not a file".into())
    }

    /// The name of the database on PostgreSQL.
    pub(crate) fn database(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }
}
