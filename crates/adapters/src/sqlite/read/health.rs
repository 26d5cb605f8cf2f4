//! Health: whether the store takes transactions and answers queries.

use async_trait::async_trait;
use diesel::prelude::*;
use earmark_application::{Health, StoreError};

use super::super::builder::first_rows;
use super::super::schema::products;
use super::super::sqlite_store::SqliteStore;

#[async_trait]
impl Health for SqliteStore {
    async fn ready(&self) -> Result<(), StoreError> {
        if let Some(writer) = &self.writer {
            writer.ready()?;
        }
        let guard = self.guard.clone();
        self.readers
            .probe
            .query(move |conn| {
                // Without a command nobody else looks.
                if let Some(guard) = guard {
                    guard.check(conn)?;
                }
                // Of a table: a query that needs no page of the file succeeds without the file.
                let any = products::table.select(products::version);
                first_rows::<i64>(any.load_iter(conn), 1).map(drop)
            })
            .await
    }
}
