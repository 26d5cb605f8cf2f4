//! A shop's past, made up in bulk: lines that were allocated long ago, in batches that are used up.
//!
//! The service makes the schema, the batches and one allocation by itself. That allocation's rows are then copied, with
//! the order, the product, the batch, the version, the number and the instant of each copy in their place wherever the
//! sample bears its own. So nothing here knows more of the tables than their names and what identifies a row, and what
//! comes of it is as sound as what the service stores: `earmark verify` says so.

use std::fmt::Write as _;

use super::plan::Engine;

/// Which of so many past lines went to the hot product: every so many.
const HOT_EVERY: u64 = 100;

/// Lines in a used-up batch of the hot product.
const HOT_BATCH: u64 = 100;

/// Products that the other lines are spread over, in turn.
const COLD_PRODUCTS: u64 = 999;

/// Used-up batches of each of these.
const COLD_BATCHES: u64 = 10;

/// Batches that `Service::stock` makes for each product, after the used-up ones.
const LIVE_BATCHES: u64 = 2;

/// What the sample is called: nothing else is.
pub(super) const SAMPLE_ORDER: &str = "the-sample-order";
pub(super) const SAMPLE_SKU: &str = "the-sample-sku";
pub(super) const SAMPLE_BATCH: &str = "the-sample-batch";

/// The tables whose rows are copied.
pub(super) const TABLES: [&str; 2] = ["lines", "events"];

/// What the sample's row in a table is found by. The event that tells of a line is found by its product.
pub(super) fn is_sample(table: &str) -> String {
    match table {
        "events" => format!("sku = '{SAMPLE_SKU}' AND type = 'Allocated'"),
        _ => format!("order_id = '{SAMPLE_ORDER}'"),
    }
}

/// So many lines, of one unit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Past {
    lines: u64,
}

impl Past {
    /// What a full run grows by, and a quick one.
    pub(super) const FULL: Self = Self { lines: 10_000_000 };
    pub(super) const QUICK: Self = Self { lines: 200_000 };

    /// So many lines; only whole used-up batches of the hot product make a past.
    pub(super) const fn new(lines: u64) -> Option<Self> {
        if lines > 0 && lines.is_multiple_of(HOT_EVERY * HOT_BATCH) {
            Some(Self { lines })
        } else {
            None
        }
    }

    pub(super) const fn lines(self) -> u64 {
        self.lines
    }

    /// Lines of the hot product.
    pub(super) const fn hot_lines(self) -> u64 {
        self.lines / HOT_EVERY
    }

    /// Used-up batches of the hot product.
    pub(super) const fn hot_batches(self) -> u64 {
        self.hot_lines() / HOT_BATCH
    }

    /// Lines of a product, by its number; the hot one is number 0.
    const fn lines_of(self, product: u64) -> u64 {
        if product == 0 {
            return self.hot_lines();
        }
        let cold = self.lines - self.hot_lines();
        // In turn, beginning with number 1: the first ones may have one more.
        cold / COLD_PRODUCTS + if product <= cold % COLD_PRODUCTS { 1 } else { 0 }
    }

    /// Lines in each used-up batch of the other products, the last one of a product perhaps less full.
    const fn cold_batch(self) -> u64 {
        self.lines_of(1).div_ceil(COLD_BATCHES)
    }

    /// The used-up batches, as rows of `reference,sku,quantity,eta`.
    pub(super) fn batches(self) -> String {
        let mut rows = String::new();
        for product in 0..=COLD_PRODUCTS {
            let full = if product == 0 { HOT_BATCH } else { self.cold_batch() };
            let lines = self.lines_of(product);
            for number in 0..lines.div_ceil(full) {
                let quantity = full.min(lines - number * full);
                writeln!(rows, "P-{product:06}-{number:04},SKU-{product:06},{quantity},")
                    .expect("a text takes all that is written");
            }
        }
        rows
    }

    /// The SQL that copies the sample's rows of one table, for the lines from `first` to `last` (counted from 1).
    pub(super) fn copy(self, engine: Engine, table: &str, columns: &[Column], first: u64, last: u64) -> String {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let values: Vec<String> = columns.iter().map(|column| value(engine, column)).collect();
        let (series, place) = (series(engine, first, last), self.place(engine));
        format!(
            "INSERT INTO {table} ({})\nSELECT {}\n  FROM (SELECT n, sku, batch, version, {at} AS at FROM ({place} FROM \
             ({series}) AS counted) AS placed) AS past\n CROSS JOIN (SELECT * FROM {table} WHERE {}) AS sample\n \
             CROSS JOIN (SELECT sequence FROM events WHERE {}) AS known\n ORDER BY n",
            names.join(", "),
            values.join(", "),
            is_sample(table),
            is_sample("events"),
            at = at(engine),
        )
    }

    /// Where the line numbered `n` belongs: its product, its batch, and the product's version that it makes.
    fn place(self, engine: Engine) -> String {
        let name = |format: &str, numbers: &[(&str, usize)]| match engine {
            Engine::Sqlite => {
                let arguments: Vec<&str> = numbers.iter().map(|(number, _)| *number).collect();
                format!("printf('{format}', {})", arguments.join(", "))
            }
            Engine::Postgres => {
                let (first, _) = format.split_once('%').unwrap_or((format, ""));
                let digits: Vec<String> = numbers
                    .iter()
                    .map(|(number, digits)| format!("lpad(({number})::text, {digits}, '0')"))
                    .collect();
                format!("'{first}' || {}", digits.join(" || '-' || "))
            }
        };
        let cold = format!("(n - n / {HOT_EVERY} - 1)");
        let hot = format!("n % {HOT_EVERY} = 0");
        let product = format!("CASE WHEN {hot} THEN 0 ELSE 1 + {cold} % {COLD_PRODUCTS} END");
        let rank = format!("CASE WHEN {hot} THEN n / {HOT_EVERY} - 1 ELSE {cold} / {COLD_PRODUCTS} END");
        let batch = format!(
            "CASE WHEN {hot} THEN (n / {HOT_EVERY} - 1) / {HOT_BATCH} ELSE {cold} / {COLD_PRODUCTS} / {} END",
            self.cold_batch()
        );
        // A cold product's batches: all of its lines fill so many.
        let cold_batches = format!(
            "CASE WHEN {product} <= {} THEN {} ELSE {} END",
            (self.lines - self.hot_lines()) % COLD_PRODUCTS,
            self.lines_of(1).div_ceil(self.cold_batch()),
            self.lines_of(COLD_PRODUCTS).div_ceil(self.cold_batch()),
        );
        let batches = format!("CASE WHEN {hot} THEN {} ELSE {cold_batches} END", self.hot_batches());
        format!(
            "SELECT n, {} AS sku, {} AS batch, ({batches}) + {LIVE_BATCHES} + ({rank}) + 1 AS version",
            name("SKU-%06d", &[(&product, 6)]),
            name("P-%06d-%04d", &[(&product, 6), (&batch, 4)]),
        )
    }

    /// The SQL that brings the rest up to date once all is copied.
    pub(super) fn settle(self, engine: Engine) -> Vec<String> {
        let used_up = match engine {
            // There it is written down, too, whether something is available.
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
            // There the writer makes the entries by product and by batch later than the events.
            Engine::Sqlite => (
                "events_of_products",
                vec![
                    "INSERT OR IGNORE INTO events_of_products (sku, version, sequence) \
                     SELECT sku, version, sequence FROM events WHERE sku IS NOT NULL ORDER BY sku, version",
                    "INSERT OR IGNORE INTO lines_in_batches (batch, release_rank, since, order_id, line_id) \
                     SELECT batch, release_rank, placed_at, order_id, line_id FROM lines WHERE batch IS NOT NULL \
                     ORDER BY batch, release_rank DESC, placed_at, order_id, line_id",
                    "UPDATE deferred_index SET until = (SELECT max(sequence) FROM events)",
                ],
            ),
        };
        statements.extend(other.into_iter().map(str::to_owned));
        statements.push(format!(
            "UPDATE products SET version = (SELECT max(version) FROM {by_product} AS told WHERE told.sku = products.sku)"
        ));
        statements
    }
}

/// The numbers from the first to the last, as `n`.
fn series(engine: Engine, first: u64, last: u64) -> String {
    match engine {
        Engine::Postgres => format!("SELECT n FROM generate_series({first}::bigint, {last}::bigint) AS n"),
        Engine::Sqlite => format!(
            "WITH RECURSIVE counting(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM counting WHERE n < {last}) \
             SELECT n FROM counting"
        ),
    }
}

/// When the line numbered `n` was placed: a millisecond after the one before, in a year long ago.
const fn at(engine: Engine) -> &'static str {
    match engine {
        Engine::Postgres => "TIMESTAMPTZ '2020-01-01 00:00:00+00' + n * INTERVAL '1 millisecond'",
        // Microseconds since 1970.
        Engine::Sqlite => "1577836800000000 + n * 1000",
    }
}

/// A column, and what the sample bears in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    /// Its type, in the database's words.
    pub(super) kind: String,
    /// The sample's value as text.
    pub(super) sample: String,
}

/// The value of a copy's column, in SQL.
fn value(engine: Engine, column: &Column) -> String {
    let order = match engine {
        Engine::Postgres => "('o-0-0-' || lpad(n::text, 12, '0'))",
        Engine::Sqlite => "printf('o-0-0-%012d', n)",
    };
    match (column.name.as_str(), column.sample.as_str()) {
        // What the sample does not have no copy has: an instant in it would be a deadline, of a line that is not held.
        (name, "") => format!("sample.{name}"),
        ("sequence", _) => "known.sequence + n".to_owned(),
        ("version", _) => "past.version".to_owned(),
        // The event that says that a line was placed is named by its product's version, or by its number.
        ("placed_version", _) => "past.version".to_owned(),
        ("placed_sequence", _) => "known.sequence + n".to_owned(),
        (name, _) if column.kind.starts_with("timestamp") || name.ends_with("_at") => "past.at".to_owned(),
        (_, SAMPLE_ORDER) => order.to_owned(),
        (_, SAMPLE_SKU) => "past.sku".to_owned(),
        (_, SAMPLE_BATCH) => "past.batch".to_owned(),
        (name, sample) if sample.contains(SAMPLE_ORDER) => {
            let mut text = match engine {
                Engine::Postgres => format!("sample.{name}::text"),
                Engine::Sqlite => format!("sample.{name}"),
            };
            for (old, new) in [
                (SAMPLE_ORDER, order),
                (SAMPLE_SKU, "past.sku"),
                (SAMPLE_BATCH, "past.batch"),
            ] {
                text = format!("replace({text}, '{old}', {new})");
            }
            if let Some(instant) = instant_in(sample) {
                let at = match engine {
                    Engine::Postgres => r#"to_char(past.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"#,
                    Engine::Sqlite => "strftime('%Y-%m-%dT%H:%M:%fZ', past.at / 1000000.0, 'unixepoch')",
                };
                text = format!("replace({text}, '{instant}', {at})");
            }
            match engine {
                Engine::Postgres => format!("({text})::{}", column.kind),
                Engine::Sqlite => text,
            }
        }
        (name, _) => format!("sample.{name}"),
    }
}

/// The first instant that stands in a JSON text as a text of its own, such as `2026-11-24T05:45:30.5Z`.
fn instant_in(json: &str) -> Option<&str> {
    let texts = json.split('"').skip(1).step_by(2);
    texts
        .into_iter()
        .find(|text| text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundredth_of_all_lines_is_the_hot_products_and_all_batches_are_used_up() {
        for lines in [10_000, 200_000, 10_000_000] {
            let past = Past::new(lines).expect("whole batches");
            assert_eq!(past.hot_lines(), lines / 100);
            assert_eq!(
                (0..=COLD_PRODUCTS).map(|product| past.lines_of(product)).sum::<u64>(),
                lines
            );
            let quantities = past.batches();
            let quantities = quantities.lines().map(|row| row.split(',').nth(2).expect("a quantity"));
            let units: u64 = quantities
                .map(|quantity| quantity.parse::<u64>().expect("a number"))
                .sum();
            assert_eq!(units, lines);
        }
    }

    #[test]
    fn ten_million_lines_are_a_thousand_used_up_batches_of_the_hot_product() {
        let past = Past::FULL;
        assert_eq!((past.hot_lines(), past.hot_batches()), (100_000, 1_000));
    }

    #[test]
    fn a_copy_bears_its_own_names_wherever_the_sample_bears_its() {
        let column = |name: &str, kind: &str, sample: &str| Column {
            name: name.to_owned(),
            kind: kind.to_owned(),
            sample: sample.to_owned(),
        };
        let told = |column| value(Engine::Sqlite, &column);
        assert_eq!(told(column("line_id", "TEXT", SAMPLE_SKU)), "past.sku");
        assert_eq!(told(column("placed_at", "INTEGER", "1577836800000000")), "past.at");
        assert_eq!(told(column("state", "TEXT", "allocated")), "sample.state");
        let deadline = column("hold_until", "timestamp with time zone", "");
        assert_eq!(value(Engine::Postgres, &deadline), "sample.hold_until");
        let data = format!(r#"{{"order_id":"{SAMPLE_ORDER}","placed_at":"2026-11-24T05:45:30.5Z"}}"#);
        let told = told(column("data", "TEXT", &data));
        assert!(
            told.starts_with("replace(replace(") && told.contains("2026-11-24T05:45:30.5Z"),
            "{told}"
        );
    }

    #[test]
    fn an_instant_is_found_among_other_texts() {
        assert_eq!(
            instant_in(r#"{"line_id":"A-LONG-NAME-THAT-ENDS-WITH-Z","placed_at":"2026-11-24T05:45:30.69Z"}"#),
            Some("2026-11-24T05:45:30.69Z")
        );
        assert_eq!(instant_in(r#"{"line_id":"A"}"#), None);
    }
}
