//! Faults at the database: locks that others hold, connections that end.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::{Connection, SqliteConnection};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::Site;
use crate::load::LOCKED;

impl Site {
    async fn outsider(&self) -> AsyncPgConnection {
        let connection = AsyncPgConnection::establish(&self.desk.db.url()).await;
        connection.expect("the server answers")
    }

    /// Runs a statement in a transaction that stays open for a time.
    async fn hold(&self, statement: &str, lasts: Duration) {
        let mut outsider = self.outsider().await;
        let locked = outsider.batch_execute(&format!("BEGIN; {statement}")).await;
        locked.expect("the lock is taken");
        sleep(lasts).await;
        outsider
            .batch_execute("ROLLBACK")
            .await
            .expect("the lock is given back");
    }

    pub(super) async fn lock_row(&self, lasts: Duration) {
        let row = format!("SELECT FROM products WHERE sku = '{LOCKED}' FOR UPDATE");
        self.hold(&row, lasts).await;
    }

    pub(super) async fn lock_table(&self, lasts: Duration) {
        self.hold("LOCK TABLE products IN ACCESS EXCLUSIVE MODE", lasts).await;
    }

    pub(super) async fn end_connections(&self) {
        let mut outsider = self.outsider().await;
        let all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                   WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
        outsider.batch_execute(all).await.expect("the connections are ended");
    }

    pub(super) async fn hold_writer(&self, lasts: Duration) {
        let url = self.desk.db.url();
        let path = url.trim_start_matches("sqlite:").to_owned();
        let run = |mut file: SqliteConnection, sql: &'static str| async move {
            let run = spawn_blocking(move || {
                file.batch_execute(sql).expect("the statement runs");
                file
            });
            run.await.expect("it worked")
        };
        let mut file = SqliteConnection::establish(&path).expect("the file opens");
        file.batch_execute("PRAGMA busy_timeout = 10000")
            .expect("the statement runs");
        let file = run(file, "BEGIN IMMEDIATE").await;
        sleep(lasts).await;
        drop(run(file, "ROLLBACK").await);
    }
}
