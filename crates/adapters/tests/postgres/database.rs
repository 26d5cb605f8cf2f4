//! A database for one test.

use std::env;
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use earmark_adapters::clock::SystemClock;
use earmark_adapters::postgres::PostgresStore;
use earmark_application::Clock;
use futures::FutureExt;
use tokio_postgres::{Client, Config, NoTls};

static MADE: AtomicU32 = AtomicU32::new(0);

/// A database that no other test uses.
pub(crate) struct Database {
    server: Config,
    name: String,
}

impl Database {
    /// Its URL.
    pub(crate) fn url(&self) -> String {
        let server = env::var("EARMARK_TEST_POSTGRES").expect("it was there before");
        let (before, _) = server.rsplit_once('/').expect("a URL ends with a database");
        format!("{before}/{}", self.name)
    }

    /// The store on it, migrated.
    pub(crate) async fn store(&self) -> PostgresStore {
        PostgresStore::open(&self.url(), 4, true, clock())
            .await
            .expect("the database opens")
    }

    /// A copy of it, as it is now: nobody may be connected.
    pub(crate) async fn copy(&self) -> Copy {
        let name = format!("{}_copy", self.name);
        let admin = connect(&self.server).await;
        admin
            .batch_execute(&format!("CREATE DATABASE {name} TEMPLATE {}", self.name))
            .await
            .expect("the database is copied");
        Copy(Self {
            server: self.server.clone(),
            name,
        })
    }

    /// A connection that bypasses the store.
    pub(crate) async fn outsider(&self) -> Client {
        let mut config = self.server.clone();
        connect(config.dbname(&self.name).application_name("outsider")).await
    }
}

/// A copy of a database, which a test discards.
pub(crate) struct Copy(Database);

impl Copy {
    /// Its URL.
    pub(crate) fn url(&self) -> String {
        self.0.url()
    }

    /// Drops it.
    pub(crate) async fn discard(self) {
        let admin = connect(&self.0.server).await;
        admin
            .batch_execute(&format!("DROP DATABASE {} WITH (FORCE)", self.0.name))
            .await
            .expect("the database is dropped");
    }
}

/// The machine's clock, for waits.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock::new())
}

async fn connect(config: &Config) -> Client {
    let (client, connection) = config.connect(NoTls).await.expect("the server answers");
    tokio::spawn(connection);
    client
}

/// Runs a test on a database of its own, which is dropped even if the test fails.
pub(crate) async fn with_database<T, F: Future<Output = ()>>(test: T)
where
    T: FnOnce(std::sync::Arc<Database>) -> F,
{
    let server: Config = env::var("EARMARK_TEST_POSTGRES")
        .expect("EARMARK_TEST_POSTGRES names no server: run `cargo xtask test`, which starts one")
        .parse()
        .expect("EARMARK_TEST_POSTGRES is a URL like postgres://user@127.0.0.1:5432/postgres");
    let name = format!("earmark_{}_{}", process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let admin = connect(&server).await;
    admin
        .batch_execute(&format!("CREATE DATABASE {name}"))
        .await
        .expect("the database is created");
    let database = std::sync::Arc::new(Database {
        server,
        name: name.clone(),
    });
    let outcome = AssertUnwindSafe(test(database)).catch_unwind().await;
    admin
        .batch_execute(&format!("DROP DATABASE {name} WITH (FORCE)"))
        .await
        .expect("the database is dropped");
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

/// Waits until a session of this database waits for a lock.
pub(crate) async fn a_lock_is_awaited(outsider: &Client) {
    loop {
        let waiting: i64 = outsider
            .query_one(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
                &[],
            )
            .await
            .expect("the server answers")
            .get(0);
        if waiting > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}
