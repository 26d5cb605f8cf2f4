//! `diesel::table!` says what the catalogue of a migrated database says.

use diesel::connection::SimpleConnection;
use diesel::query_source::Column;
use diesel::sql_types::is_nullable::NotNull;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, SqlType, Text};
use diesel::{Expression, RunQueryDsl, SqliteConnection, Table};

use super::super::schema;
use super::super::statement::statement;
use super::ShopFile;

/// A column: its name, its type, and whether it may be NULL.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ColumnOf {
    name: String,
    declared: String,
    nullable: bool,
}

/// An SQL type of the builder, as a table declares it.
trait Declared {
    const DECLARED: &'static str;
    const NULLABLE: bool = false;
}

impl Declared for Text {
    const DECLARED: &'static str = "TEXT";
}

impl Declared for BigInt {
    const DECLARED: &'static str = "INTEGER";
}

/// A check of the table allows 0 and 1 only.
impl Declared for Bool {
    const DECLARED: &'static str = "INTEGER";
}

impl Declared for Binary {
    const DECLARED: &'static str = "BLOB";
}

impl<T: Declared + SqlType<IsNull = NotNull>> Declared for Nullable<T> {
    const DECLARED: &'static str = T::DECLARED;
    const NULLABLE: bool = true;
}

/// The columns of a table, in order.
trait Columns {
    fn columns() -> Vec<ColumnOf>;
}

macro_rules! columns_of_tuples {
    ($(($($column:ident)+))+) => {$(
        impl<$($column: Column),+> Columns for ($($column,)+)
        where
            $(<$column as Expression>::SqlType: Declared),+
        {
            fn columns() -> Vec<ColumnOf> {
                vec![$(ColumnOf {
                    name: $column::NAME.to_owned(),
                    declared: <$column as Expression>::SqlType::DECLARED.to_owned(),
                    nullable: <$column as Expression>::SqlType::NULLABLE,
                }),+]
            }
        }
    )+};
}
columns_of_tuples! {
    (A)
    (A B)
    (A B C)
    (A B C D)
    (A B C D E F)
    (A B C D E)
    (A B C D E F G)
    (A B C D E F G H)
    (A B C D E F G H I)
    (A B C D E F G H I J K)
    (A B C D E F G H I J K L M)
    (A B C D E F G H I J K L)
    (A B C D E F G H I J K L M N)
    (A B C D E F G H I J K L M N O)
    (A B C D E F G H I J)
    (A B C D E F G H I J K L M N O P)
    (A B C D E F G H I J K L M N O P Q R S T U)
}

/// The columns that `table!` names.
fn named<T>(_: T) -> Vec<ColumnOf>
where
    T: Table,
    T::AllColumns: Columns,
{
    T::AllColumns::columns()
}

/// The columns that the catalogue has.
fn live(connection: &mut SqliteConnection, table: &str) -> Vec<ColumnOf> {
    const COLUMNS: &str = "SELECT name, type, \"notnull\" FROM pragma_table_info(?) ORDER BY cid";
    let columns: Vec<(String, String, i64)> = statement::<(Text, Text, BigInt)>(COLUMNS)
        .text(table)
        .load(connection)
        .expect("a catalogue");
    let column = |(name, declared, not_null)| ColumnOf {
        name,
        declared,
        nullable: not_null == 0,
    };
    columns.into_iter().map(column).collect()
}

/// Each table of the schema with the columns that `table!` names.
fn schema() -> Vec<(&'static str, Vec<ColumnOf>)> {
    macro_rules! tables {
        ($($table:ident),+ $(,)?) => {
            vec![$((stringify!($table), named(schema::$table::table))),+]
        };
    }
    tables![
        products,
        searchable_products,
        batches,
        orders,
        lines,
        further_allocations,
        allocations,
        dispatches,
        events,
        deferred_index,
        events_of_products,
        lines_in_batches,
        books,
        epochs,
        subscriptions,
        dead_letters,
        idempotency_keys,
        inbox,
        dead_messages,
        access_keys,
        access_log,
        sessions,
        expected_allocated,
        expected_dispatched,
    ]
}

/// Where the schema and the catalogue disagree.
fn differences(connection: &mut SqliteConnection) -> Vec<String> {
    // A virtual table and what it is kept in are no tables of the builder, nor is SQLite's own.
    const TABLES: &str = "SELECT name, type FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE '%diesel%' \
         AND name NOT LIKE 'product_ngrams%' AND name <> 'sqlite_sequence'";
    let mut differences = Vec::new();
    let schema = schema();
    let tables: Vec<(String, String)> = statement::<(Text, Text)>(TABLES).load(connection).expect("a catalogue");
    for (table, _) in &tables {
        if !schema.iter().any(|(name, _)| name == table) {
            differences.push(format!("{table} is not in the schema"));
        }
    }
    for (table, named) in schema {
        let mut live = live(connection, table);
        if tables.iter().any(|(name, kind)| name == table && kind == "view") {
            // SQLite reports that each column of a view may be NULL.
            live.iter_mut().for_each(|column| column.nullable = false);
        }
        if named != live {
            differences.push(format!("{table}: {named:?} is not {live:?}"));
        }
    }
    differences
}

#[tokio::test]
async fn the_schema_matches_the_catalogue() {
    let file = ShopFile::new();
    drop(file.open().await);
    assert_eq!(differences(&mut file.other_program()), [""; 0]);
}

#[tokio::test]
async fn a_schema_that_does_not_match_is_noticed() {
    const FORGED: [(&str, &str); 9] = [
        ("notes", "CREATE TABLE notes (note TEXT NOT NULL)"),
        ("orders", "ALTER TABLE orders RENAME COLUMN priority TO urgency"),
        ("orders", "ALTER TABLE orders ADD COLUMN colour TEXT"),
        ("orders", "ALTER TABLE orders DROP COLUMN required_by"),
        (
            "allocations",
            "DROP VIEW allocations; CREATE VIEW allocations AS SELECT order_id FROM lines",
        ),
        ("dead_messages", "DROP TABLE dead_messages"),
        // Another type, another order, and NULL where there was none.
        (
            "epochs",
            "DROP TABLE epochs; CREATE TABLE epochs (number INTEGER NOT NULL, after_sequence BLOB NOT NULL, \
             origin TEXT NOT NULL, began_at INTEGER NOT NULL)",
        ),
        ("books", "DROP TABLE books; CREATE TABLE books (id BLOB NOT NULL)"),
        ("books", "DROP TABLE books; CREATE TABLE books (id TEXT)"),
    ];
    for (table, forged) in FORGED {
        let file = ShopFile::new();
        drop(file.open().await);
        let mut other = file.other_program();
        other.batch_execute(forged).expect(forged);
        let differences = differences(&mut other);
        assert_eq!(differences.len(), 1, "{forged}: {differences:?}");
        assert!(differences[0].starts_with(table), "{forged}: {differences:?}");
    }
}
