//! Fills a new store with a history.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use xtask::{Failure, say};

use crate::history::size::History;
use crate::history::tables::{self, Column, SAMPLE_BATCH, SAMPLE_ORDER, SAMPLE_SKU, TABLES};
use crate::measure::results::CREATED;
use crate::process::program::Programs;
use crate::service::running::Service;
use crate::stores::postgres::Postgres;
use crate::stores::store::{Engine, Store};

/// Lines copied in one transaction.
const CHUNK: u64 = 500_000;

/// Copying a chunk takes seconds.
const CHUNK_LIMIT: Duration = Duration::from_secs(600);

/// Updating indexes and vacuuming large tables takes minutes.
const FINISH_LIMIT: Duration = Duration::from_secs(1_800);

/// Fills a new store with a history, and with large batches of each product. `postgres` is the store's server; `None` for
/// SQLite.
pub(crate) fn fill(
    service: &Service,
    postgres: Option<&Postgres>,
    store: &Store,
    history: History,
    products: u32,
) -> Result<(), Failure> {
    let started = Instant::now();
    service.import_batches(store, &history.batches())?;
    service.stock(store, products)?;
    service.import_batches(store, &format!("{SAMPLE_BATCH},{SAMPLE_SKU},1000,\n"))?;
    let mut running = service.start("serve", store)?;
    let body = format!(r#"{{"order_id":"{SAMPLE_ORDER}","sku":"{SAMPLE_SKU}","quantity":1}}"#);
    let reply = running.post("/v1/allocations", body)?;
    if reply.status != CREATED {
        return Err(format!("the sample was not allocated: {} {}", reply.status, reply.body).into());
    }
    running.stop()?;
    match postgres {
        Some(postgres) => fill_postgres(postgres, store.database(), history)?,
        None => fill_sqlite(&service.programs, store.file()?, history)?,
    }
    say(&format!(
        "created a history of {} lines in {} s",
        history.lines(),
        started.elapsed().as_secs()
    ));
    Ok(())
}

/// The first and the last line of each chunk.
fn chunks(lines: u64) -> impl Iterator<Item = (u64, u64)> {
    (0..lines.div_ceil(CHUNK)).map(move |chunk| (chunk * CHUNK + 1, lines.min((chunk + 1) * CHUNK)))
}

fn fill_postgres(postgres: &Postgres, database: &str, history: History) -> Result<(), Failure> {
    // With the usual limit of the write-ahead log, the server would run checkpoints all the time.
    let large = "ALTER SYSTEM SET max_wal_size = '16GB'; SELECT pg_reload_conf();";
    let usual = "ALTER SYSTEM RESET max_wal_size; SELECT pg_reload_conf();";
    postgres.script("postgres", large, &[], CHUNK_LIMIT)?;
    for table in TABLES {
        let columns = postgres_columns(postgres, database, table)?;
        for chunk in chunks(history.lines()) {
            let copy = tables::copy(history, Engine::Postgres, table, &columns, chunk);
            write_unsafely(postgres, database, &copy, CHUNK_LIMIT)?;
        }
    }
    for statement in tables::finish(Engine::Postgres) {
        write_unsafely(postgres, database, &statement, FINISH_LIMIT)?;
    }
    // As in a store that has grown over years: no dead rows, and the planner has statistics.
    postgres.script(database, "VACUUM (FREEZE, ANALYZE); CHECKPOINT;", &[], FINISH_LIMIT)?;
    postgres.script("postgres", usual, &[], CHUNK_LIMIT).map(drop)
}

/// Runs a statement without triggers and without waiting for the disk: after a crash the history is created again.
fn write_unsafely(postgres: &Postgres, database: &str, statement: &str, limit: Duration) -> Result<(), Failure> {
    let statement = format!("SET session_replication_role = replica;\nSET synchronous_commit = off;\n{statement};\n");
    postgres.script(database, &statement, &[], limit).map(drop)
}

fn postgres_columns(postgres: &Postgres, database: &str, table: &str) -> Result<Vec<Column>, Failure> {
    let listed = postgres.sql(database, &tables::columns(Engine::Postgres, table))?;
    let mut columns = Vec::new();
    for line in listed.lines() {
        let (name, kind) = line.split_once('|').ok_or_else(|| format!("not a column: {line:?}"))?;
        let sample = postgres.sql(database, &tables::sample(table, name))?;
        columns.push(Column {
            name: name.to_owned(),
            kind: kind.to_owned(),
            sample: sample.trim_end_matches('\n').to_owned(),
        });
    }
    Ok(columns)
}

fn fill_sqlite(programs: &Programs, file: &Path, history: History) -> Result<(), Failure> {
    let mut connection = Connection::open(file)?;
    // After a crash the history is created again.
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -262144")?;
    let triggers = triggers(&connection)?;
    for (name, _) in &triggers {
        connection.execute_batch(&format!("DROP TRIGGER {name}"))?;
    }
    for table in TABLES {
        let columns = sqlite_columns(&connection, table)?;
        for chunk in chunks(history.lines()) {
            let copy = tables::copy(history, Engine::Sqlite, table, &columns, chunk);
            let transaction = connection.transaction()?;
            transaction.execute_batch(&copy)?;
            transaction.commit()?;
            programs.pause(Duration::ZERO)?;
        }
    }
    for statement in tables::finish(Engine::Sqlite) {
        connection.execute_batch(&statement)?;
    }
    for (_, statement) in &triggers {
        connection.execute_batch(statement)?;
    }
    connection.execute_batch("PRAGMA synchronous = FULL; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(())
}

/// The triggers, each with the statement that creates it.
fn triggers(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut query = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")?;
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

fn sqlite_columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Column>> {
    let mut query = connection.prepare(&tables::columns(Engine::Sqlite, table))?;
    let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
    rows.map(|row| {
        let (name, kind) = row?;
        let sample = connection.query_row(&tables::sample(table, &name), [], |row| row.get(0))?;
        Ok(Column { name, kind, sample })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_all_lines_without_overlap() {
        assert_eq!(
            chunks(1_200_000).collect::<Vec<_>>(),
            [(1, 500_000), (500_001, 1_000_000), (1_000_001, 1_200_000)]
        );
        assert_eq!(chunks(10_000).collect::<Vec<_>>(), [(1, 10_000)]);
    }
}
