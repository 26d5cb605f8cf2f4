//! The store on PostgreSQL.

use std::env;
use std::sync::Arc;

use async_trait::async_trait;
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use earmark_adapters::clock::SystemClock;
use earmark_adapters::postgres::PostgresStore;
use uuid::Uuid;

use super::{Adapter, Database, Overlap};

/// The variable with the address of a database whose user may create others.
const SERVER: &str = "EARMARK_TEST_POSTGRES";

/// How many connections an instance has: fewer than most cases have concurrent commands, so that they reach the bound.
const CONNECTIONS: usize = 6;

/// A database on a throwaway server.
pub struct PostgresDatabase {
    server: String,
    name: String,
}

impl PostgresDatabase {
    async fn run(server: &str, sql: &str) {
        let mut connection = AsyncPgConnection::establish(server)
            .await
            .expect("the test server answers");
        connection.batch_execute(sql).await.expect("the statement runs");
    }
}

#[async_trait]
impl Database for PostgresDatabase {
    async fn fresh() -> Self {
        let server = env::var(SERVER).unwrap_or_default();
        assert!(
            !server.is_empty(),
            "these tests need a Postgres server, named in {SERVER}: run them with `cargo xtask test`"
        );
        let name = format!("earmark_{}", Uuid::new_v4().simple());
        Self::run(&server, &format!("CREATE DATABASE {name}")).await;
        Self { server, name }
    }

    async fn open(&self) -> Adapter {
        let store = PostgresStore::open(&self.url(), CONNECTIONS, true, Arc::new(SystemClock::new())).await;
        Adapter::of(store.expect("the database opens"))
    }

    fn url(&self) -> String {
        let (address, _) = self.server.rsplit_once('/').expect("the address names a database");
        format!("{address}/{}", self.name)
    }

    fn overlap(&self) -> Overlap {
        Overlap::OnOtherProducts
    }

    async fn discard(&self) {
        // By force: the stores that a case opened may take a moment to close their connections.
        Self::run(&self.server, &format!("DROP DATABASE {} WITH (FORCE)", self.name)).await;
    }
}
