//! All SQL of the bench that names tables and columns of the service.
//!
//! The service itself creates the schema, the batches and one allocation, the sample. The sample's rows are then
//! copied, with another order, product, batch, version, sequence number and time in each copy. So this module knows the
//! names of the tables, what identifies a row, and little else; `earmark verify` shows that the copies are consistent.

use crate::history::size::{COLD_PRODUCTS, HOT_BATCH, HOT_EVERY, History};
use crate::stores::store::Engine;

/// `pgbench` script that reads an order as the service does. Variable: `orders`, the range of order numbers.
pub(crate) const READ_ORDER: &str = include_str!("../../sql/postgres_read_order.sql");

/// `pgbench` script that reads a product as the service does. Variable: `products`, their number.
pub(crate) const READ_PRODUCT: &str = include_str!("../../sql/postgres_read_product.sql");

/// Batches that `Service::stock` creates for each product, after the used-up ones.
const LIVE_BATCHES: u64 = 2;

/// The names of the sample. Nothing else has them.
pub(crate) const SAMPLE_ORDER: &str = "the-sample-order";
pub(crate) const SAMPLE_SKU: &str = "the-sample-sku";
pub(crate) const SAMPLE_BATCH: &str = "the-sample-batch";

/// The tables whose rows are copied.
pub(crate) const TABLES: [&str; 2] = ["lines", "events"];

/// The condition that selects the sample's row in a table. The event of a line has no order id: its product selects it.
fn is_sample(table: &str) -> String {
    match table {
        "events" => format!("sku = '{SAMPLE_SKU}' AND type = 'Allocated'"),
        _ => format!("order_id = '{SAMPLE_ORDER}'"),
    }
}

/// A column, and the sample's value in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Its type, in the database's words.
    pub(crate) kind: String,
    /// The sample's value as text; empty for NULL.
    pub(crate) sample: String,
}

/// Lists the columns of a table that an `INSERT` may set: rows of name and type.
pub(crate) fn columns(engine: Engine, table: &str) -> String {
    match engine {
        Engine::Postgres => format!(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '{table}'::regclass \
             AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a' ORDER BY attnum"
        ),
        Engine::Sqlite => format!("SELECT name, type FROM pragma_table_info('{table}')"),
    }
}

/// Selects the sample's value in a column, as text.
pub(crate) fn sample(table: &str, column: &str) -> String {
    format!(
        "SELECT coalesce(CAST({column} AS text), '') FROM {table} WHERE {}",
        is_sample(table)
    )
}

/// Copies the sample's row of a table for the lines `first` to `last`, which count from 1.
pub(crate) fn copy(
    history: History,
    engine: Engine,
    table: &str,
    columns: &[Column],
    (first, last): (u64, u64),
) -> String {
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let values: Vec<String> = columns.iter().map(|column| value(engine, column)).collect();
    let (series, placing) = (series(engine, first, last), placing(history));
    format!(
        "INSERT INTO {table} ({})\nSELECT {}\n  FROM (SELECT n, sku, batch, version, {at} AS at FROM ({placing} FROM \
         ({series}) AS counted) AS placed) AS past\n CROSS JOIN (SELECT * FROM {table} WHERE {}) AS sample\n \
         CROSS JOIN (SELECT sequence FROM events WHERE {}) AS known\n ORDER BY n",
        names.join(", "),
        values.join(", "),
        is_sample(table),
        is_sample("events"),
        at = at(engine),
    )
}

/// The product and batch of line `n`, and the version of the product that the line creates.
fn placing(history: History) -> String {
    let cold = format!("(n - n / {HOT_EVERY} - 1)");
    let hot = format!("n % {HOT_EVERY} = 0");
    let product = format!("CASE WHEN {hot} THEN 0 ELSE 1 + {cold} % {COLD_PRODUCTS} END");
    let rank = format!("CASE WHEN {hot} THEN n / {HOT_EVERY} - 1 ELSE {cold} / {COLD_PRODUCTS} END");
    let batch = format!(
        "CASE WHEN {hot} THEN (n / {HOT_EVERY} - 1) / {HOT_BATCH} ELSE {cold} / {COLD_PRODUCTS} / {} END",
        history.cold_batch()
    );
    // Used-up batches of a cold product.
    let cold_batches = format!(
        "CASE WHEN {product} <= {} THEN {} ELSE {} END",
        history.longer_products(),
        history.lines_of(1).div_ceil(history.cold_batch()),
        history.lines_of(COLD_PRODUCTS).div_ceil(history.cold_batch()),
    );
    let batches = format!("CASE WHEN {hot} THEN {} ELSE {cold_batches} END", history.hot_batches());
    let sku = format!("'SKU-' || {}", padded(&product, 6));
    let reference = format!("'P-' || {} || '-' || {}", padded(&product, 6), padded(&batch, 4));
    format!("SELECT n, {sku} AS sku, {reference} AS batch, ({batches}) + {LIVE_BATCHES} + ({rank}) + 1 AS version")
}

/// A number as text with leading zeros.
fn padded(number: &str, digits: u32) -> String {
    format!("substr(CAST({} + ({number}) AS text), 2)", 10_u64.pow(digits))
}

/// Brings batches, products and indexes up to date with the copies.
pub(crate) fn finish(engine: Engine) -> Vec<String> {
    let used_up = match engine {
        // On SQLite a column says whether a batch has stock.
        Engine::Sqlite => "allocated = quantity, open = FALSE",
        Engine::Postgres => "allocated = quantity",
    };
    let mut statements = vec![format!("UPDATE batches SET {used_up} WHERE reference LIKE 'P-%'")];
    let (by_product, other) = match engine {
        Engine::Postgres => (
            "events",
            vec![
                "SELECT setval(oid::regclass, (SELECT max(sequence) FROM events)) FROM pg_class \
                 WHERE relkind = 'S' AND relname LIKE 'events%'",
            ],
        ),
        // On SQLite the service writes these indexes after the events.
        Engine::Sqlite => (
            "events_of_products",
            vec![
                "INSERT OR IGNORE INTO events_of_products (sku, version, sequence) \
                 SELECT sku, version, sequence FROM events WHERE sku IS NOT NULL ORDER BY sku, version",
                "INSERT OR IGNORE INTO lines_in_batches (batch, release_rank, placed_version, order_id, line_id) \
                 SELECT batch, release_rank, placed_version, order_id, line_id FROM lines WHERE batch IS NOT NULL \
                 ORDER BY batch, release_rank DESC, placed_version, order_id, line_id",
                "UPDATE deferred_index SET until = (SELECT max(sequence) FROM events)",
            ],
        ),
    };
    statements.extend(other.into_iter().map(str::to_owned));
    statements.push(format!(
        "UPDATE products SET version = (SELECT max(version) FROM {by_product} AS known WHERE known.sku = products.sku)"
    ));
    statements
}

/// The numbers from `first` to `last`, as `n`.
fn series(engine: Engine, first: u64, last: u64) -> String {
    match engine {
        Engine::Postgres => format!("SELECT n FROM generate_series({first}::bigint, {last}::bigint) AS n"),
        Engine::Sqlite => format!(
            "WITH RECURSIVE counting(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM counting WHERE n < {last}) \
             SELECT n FROM counting"
        ),
    }
}

/// When line `n` was placed: one millisecond after the line before, in 2020.
const fn at(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "TIMESTAMPTZ '2020-01-01 00:00:00+00' + n * INTERVAL '1 millisecond'",
        // Microseconds since 1970.
        Engine::Sqlite => "1577836800000000 + n * 1000",
    }
}

/// The value of a copy in a column, as SQL.
fn value(engine: Engine, column: &Column) -> String {
    let order = format!("('o-0-0-' || {})", padded("n", 12));
    match (column.name.as_str(), column.sample.as_str()) {
        // Where the sample has NULL, such as the deadline of a hold, so have the copies.
        (name, "") => format!("sample.{name}"),
        ("sequence", _) => "known.sequence + n".to_owned(),
        // The event of a line is known by the version of its product, and on SQLite by its sequence number too.
        ("version" | "placed_version", _) => "past.version".to_owned(),
        ("placed_sequence", _) => "known.sequence + n".to_owned(),
        (name, _) if column.kind.starts_with("timestamp") || name.ends_with("_at") => "past.at".to_owned(),
        (_, SAMPLE_ORDER) => order,
        (_, SAMPLE_SKU) => "past.sku".to_owned(),
        (_, SAMPLE_BATCH) => "past.batch".to_owned(),
        (name, sample) if sample.contains(SAMPLE_ORDER) => {
            let mut text = format!("CAST(sample.{name} AS text)");
            for (old, new) in [
                (SAMPLE_ORDER, order.as_str()),
                (SAMPLE_SKU, "past.sku"),
                (SAMPLE_BATCH, "past.batch"),
            ] {
                text = format!("replace({text}, '{old}', {new})");
            }
            if let Some(time) = time_in(sample) {
                let at = match engine {
                    Engine::Postgres => r#"to_char(past.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#,
                    Engine::Sqlite => "strftime('%Y-%m-%dT%H:%M:%fZ', past.at / 1000000.0, 'unixepoch')",
                };
                text = format!("replace({text}, '{time}', {at})");
            }
            match engine {
                Engine::Postgres => format!("({text})::{}", column.kind),
                Engine::Sqlite => text,
            }
        }
        (name, _) => format!("sample.{name}"),
    }
}

/// The first time that is a string of its own in a JSON text, such as `2026-11-24T05:45:30.5Z`.
fn time_in(json: &str) -> Option<&str> {
    let texts = json.split('"').skip(1).step_by(2);
    texts
        .into_iter()
        .find(|text| text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_its_own_names_where_the_sample_has_its_names() {
        let column = |name: &str, kind: &str, sample: &str| Column {
            name: name.to_owned(),
            kind: kind.to_owned(),
            sample: sample.to_owned(),
        };
        let sqlite = |column| value(Engine::Sqlite, &column);
        assert_eq!(sqlite(column("line_id", "TEXT", SAMPLE_SKU)), "past.sku");
        assert_eq!(sqlite(column("placed_at", "INTEGER", "1577836800000000")), "past.at");
        assert_eq!(sqlite(column("state", "TEXT", "allocated")), "sample.state");
        let deadline = column("hold_until", "timestamp with time zone", "");
        assert_eq!(value(Engine::Postgres, &deadline), "sample.hold_until");
        let data = format!(r#"{{"order_id":"{SAMPLE_ORDER}","placed_at":"2026-11-24T05:45:30.5Z"}}"#);
        let copied = sqlite(column("data", "TEXT", &data));
        assert!(
            copied.starts_with("replace(replace(") && copied.contains("2026-11-24T05:45:30.5Z"),
            "{copied}"
        );
    }

    #[test]
    fn a_time_is_found_among_other_strings() {
        assert_eq!(
            time_in(r#"{"line_id":"A-LONG-NAME-THAT-ENDS-WITH-Z","placed_at":"2026-11-24T05:45:30.69Z"}"#),
            Some("2026-11-24T05:45:30.69Z")
        );
        assert_eq!(time_in(r#"{"line_id":"A"}"#), None);
    }
}
