//! Books with a past: made once by the service and by SQL, and then used by slice after slice.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;

use super::ground::Bench;
use super::past::{Column, Past, SAMPLE_BATCH, SAMPLE_ORDER, SAMPLE_SKU, TABLES, is_sample};
use super::plan::{CREATED, Engine};
use super::postgres::Databases;
use super::service::{Books, send};
use crate::Failure;
use crate::system::say;

/// Lines that are copied in one transaction.
const CHUNK: u64 = 500_000;

/// Copying so many takes seconds.
const CHUNK_LIMIT: Duration = Duration::from_secs(600);

/// Putting the tables in order after all is copied takes minutes where there are many.
const SETTLE_LIMIT: Duration = Duration::from_secs(1_800);

/// Fills fresh books with a past, and with plenty in stock for each of the products.
pub(super) fn fill(bench: &Bench<'_>, engine: Engine, books: &Books, past: Past, products: u32) -> Result<(), Failure> {
    let begun = Instant::now();
    bench.service.import_batches(books, &past.batches())?;
    bench.service.stock(books, products)?;
    let sample = format!("{SAMPLE_BATCH},{SAMPLE_SKU},1000,\n");
    bench.service.import_batches(books, &sample)?;
    let mut serving = bench.service.start("serve", books)?;
    let body = format!(r#"{{"order_id":"{SAMPLE_ORDER}","sku":"{SAMPLE_SKU}","quantity":1}}"#);
    let answer = send(&serving.address, "POST", "/v1/allocations", &body)?;
    if answer.status != CREATED {
        return Err(format!("the sample was not allocated: {} {}", answer.status, answer.body).into());
    }
    serving.stop()?;
    match engine {
        Engine::Postgres => on_postgres(bench, books, past)?,
        Engine::Sqlite => on_sqlite(bench, books.file()?, past)?,
    }
    say(&format!(
        "{}: a past of {} lines, made in {} s",
        engine.name(),
        past.lines(),
        begun.elapsed().as_secs()
    ));
    Ok(())
}

/// The chunks that so many lines are copied in, each from its first to its last line.
fn chunks(lines: u64) -> impl Iterator<Item = (u64, u64)> {
    (0..lines.div_ceil(CHUNK)).map(move |chunk| (chunk * CHUNK + 1, lines.min((chunk + 1) * CHUNK)))
}

fn on_postgres(bench: &Bench<'_>, books: &Books, past: Past) -> Result<(), Failure> {
    let (databases, database) = (bench.databases()?, books.database_name());
    // Much is written at once; the server would interrupt itself all the time to put it in place.
    let often = "ALTER SYSTEM SET max_wal_size = '16GB'; SELECT pg_reload_conf();";
    let usual = "ALTER SYSTEM RESET max_wal_size; SELECT pg_reload_conf();";
    databases.script("postgres", often, &[], CHUNK_LIMIT)?;
    for table in TABLES {
        let columns = columns_of(databases, database, table)?;
        for (first, last) in chunks(past.lines()) {
            let copy = past.copy(Engine::Postgres, table, &columns, first, last);
            bulk(databases, database, &copy, CHUNK_LIMIT)?;
        }
    }
    for statement in past.settle(Engine::Postgres) {
        bulk(databases, database, &statement, SETTLE_LIMIT)?;
    }
    // As it stands after years: dead rows are gone, and the planner knows the tables.
    databases.script(database, "VACUUM (FREEZE, ANALYZE); CHECKPOINT;", &[], SETTLE_LIMIT)?;
    databases.script("postgres", usual, &[], CHUNK_LIMIT).map(drop)
}

/// Runs a statement without triggers and without waiting for the disk: what is lost in a crash is made anew.
fn bulk(databases: Databases<'_>, database: &str, statement: &str, limit: Duration) -> Result<(), Failure> {
    let statement = format!("SET session_replication_role = replica;\nSET synchronous_commit = off;\n{statement};\n");
    databases.script(database, &statement, &[], limit).map(drop)
}

fn columns_of(databases: Databases<'_>, database: &str, table: &str) -> Result<Vec<Column>, Failure> {
    let told = databases.sql(
        database,
        &format!(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '{table}'::regclass \
             AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a' ORDER BY attnum"
        ),
    )?;
    let mut columns = Vec::new();
    for line in told.lines() {
        let (name, kind) = line.split_once('|').ok_or_else(|| format!("no column: {line:?}"))?;
        let sample = databases.sql(
            database,
            &format!("SELECT {name}::text FROM {table} WHERE {}", is_sample(table)),
        )?;
        columns.push(Column {
            name: name.to_owned(),
            kind: kind.to_owned(),
            sample: sample.trim_end_matches('\n').to_owned(),
        });
    }
    Ok(columns)
}

fn on_sqlite(bench: &Bench<'_>, file: &Path, past: Past) -> Result<(), Failure> {
    let told = |why: rusqlite::Error| format!("the past can't be made on SQLite: {why}");
    let mut connection = Connection::open(file).map_err(told)?;
    // What is lost in a crash is made anew.
    connection
        .execute_batch("PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -262144")
        .map_err(told)?;
    let triggers = triggers(&connection).map_err(told)?;
    for (name, _) in &triggers {
        connection
            .execute_batch(&format!("DROP TRIGGER {name}"))
            .map_err(told)?;
    }
    for table in TABLES {
        let columns = sqlite_columns(&connection, table).map_err(told)?;
        for (first, last) in chunks(past.lines()) {
            let copy = past.copy(Engine::Sqlite, table, &columns, first, last);
            let transaction = connection.transaction().map_err(told)?;
            transaction.execute_batch(&copy).map_err(told)?;
            transaction.commit().map_err(told)?;
            // This runs inside this program, which alone does not look up meanwhile.
            (bench.programs.pause)(Duration::ZERO)?;
        }
    }
    for statement in past.settle(Engine::Sqlite) {
        connection.execute_batch(&statement).map_err(told)?;
    }
    for (_, statement) in &triggers {
        connection.execute_batch(statement).map_err(told)?;
    }
    connection
        .execute_batch("PRAGMA synchronous = FULL; ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)")
        .map_err(told)?;
    Ok(())
}

/// All triggers, each with the statement that makes it.
fn triggers(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut asked = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")?;
    let found = asked.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    found.collect()
}

fn sqlite_columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<Column>> {
    let mut asked = connection.prepare(&format!("SELECT name, type FROM pragma_table_info('{table}')"))?;
    let named: Vec<(String, String)> = asked
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut columns = Vec::new();
    for (name, kind) in named {
        let sample = connection.query_row(
            &format!(
                "SELECT coalesce(CAST({name} AS TEXT), '') FROM {table} WHERE {}",
                is_sample(table)
            ),
            [],
            |row| row.get(0),
        )?;
        columns.push(Column { name, kind, sample });
    }
    Ok(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_all_lines_and_overlap_nowhere() {
        assert_eq!(
            chunks(1_200_000).collect::<Vec<_>>(),
            [(1, 500_000), (500_001, 1_000_000), (1_000_001, 1_200_000)]
        );
        assert_eq!(chunks(10_000).collect::<Vec<_>>(), [(1, 10_000)]);
    }
}
