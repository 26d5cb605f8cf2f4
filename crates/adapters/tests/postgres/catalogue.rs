//! The tables as Diesel knows them, and as the catalogue of a database has them.

use std::collections::{BTreeMap, BTreeSet};

use diesel::sql_types::{
    Array, BigInt, Binary, Bool, Date, Integer, Json, Nullable, SingleValue, SqlType, Text, Timestamptz,
};
use diesel::{Expression, Table};
use tokio_postgres::Client;

/// The adapter's own file: its tables are private to the crate.
#[path = "../../src/postgres/schema.rs"]
mod schema;

/// A column of a table or view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    name: String,
    /// The type's name in the database.
    data_type: String,
    /// Whether it may be NULL; `None`: the catalogue does not say, as for the columns of a view.
    nullable: Option<bool>,
}

impl Column {
    pub(crate) fn of((name, data_type, nullable): (&str, &str, Option<bool>)) -> Self {
        Self {
            name: name.to_owned(),
            data_type: data_type.to_owned(),
            nullable,
        }
    }

    fn matches(&self, live: &Self) -> bool {
        self.name == live.name
            && self.data_type == live.data_type
            && (live.nullable.is_none() || self.nullable == live.nullable)
    }
}

/// Tables and views by name, each with its columns in order.
pub(crate) type Tables = BTreeMap<String, Vec<Column>>;

/// A SQL type of Diesel with its name in the database.
trait Named: SqlType {
    const NULLABLE: bool = false;

    fn name() -> String;
}

macro_rules! named {
    ($($diesel:ty => $postgres:literal,)+) => {
        $(impl Named for $diesel {
            fn name() -> String {
                $postgres.to_owned()
            }
        })+
    };
}
named! {
    BigInt => "bigint",
    Binary => "bytea",
    Bool => "boolean",
    Date => "date",
    Integer => "integer",
    Json => "json",
    Text => "text",
    Timestamptz => "timestamp with time zone",
}

impl<T: Named + SingleValue> Named for Array<T> {
    fn name() -> String {
        format!("{}[]", T::name())
    }
}

impl<T: Named + SqlType> Named for Nullable<T>
where
    Self: SqlType,
{
    const NULLABLE: bool = true;

    fn name() -> String {
        T::name()
    }
}

/// A tuple of columns.
trait Columns {
    fn list() -> Vec<Column>;
}

macro_rules! columns {
    ($($column:ident)+) => {
        impl<$($column),+> Columns for ($($column,)+)
        where
            $($column: diesel::Column + Expression<SqlType: Named>,)+
        {
            fn list() -> Vec<Column> {
                vec![$(Column::of((
                    $column::NAME,
                    &<$column::SqlType as Named>::name(),
                    Some(<$column::SqlType as Named>::NULLABLE),
                ))),+]
            }
        }
    };
}
columns!(A);
columns!(A B);
columns!(A B C D);
columns!(A B C D E);
columns!(A B C D E F);
columns!(A B C D E F G);
columns!(A B C D E F G H);
columns!(A B C D E F G H I);
columns!(A B C D E F G H I J);
columns!(A B C D E F G H I J K L);
columns!(A B C D E F G H I J K L M);
columns!(A B C D E F G H I J K L M N);
columns!(A B C D E F G H I J K L M N O P);
columns!(A B C D E F G H I J K L M N O P Q R S T U);

fn columns_of<T: Table<AllColumns: Columns>>(_: T) -> Vec<Column> {
    T::AllColumns::list()
}

/// The tables that Diesel knows.
pub(crate) fn known_tables() -> Tables {
    macro_rules! tables {
        ($($table:ident)+) => {
            [$((stringify!($table).to_owned(), columns_of(schema::$table::table))),+]
        };
    }
    let tables = tables! {
        products batches orders lines further_allocations allocations dispatches events books epochs subscriptions dead_letters
        idempotency_keys inbox dead_messages access_keys sessions access_log
    };
    tables.into()
}

/// The tables and views that the database has.
pub(crate) async fn live_tables(client: &Client) -> Tables {
    let rows = client
        .query(
            "SELECT relname::text, attname::text, format_type(atttypid, NULL), \
             CASE relkind WHEN 'r' THEN NOT attnotnull END \
             FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid \
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped \
             AND relname <> '__diesel_schema_migrations' ORDER BY relname, attnum",
            &[],
        )
        .await
        .expect("the server answers");
    let mut tables = Tables::new();
    for row in rows {
        let column = Column::of((row.get(1), row.get(2), row.get(3)));
        tables.entry(row.get(0)).or_default().push(column);
    }
    tables
}

/// Where known tables differ from those of the database: in their names, or in a column's place, name, type or whether
/// it may be NULL.
pub(crate) fn differences(known: &Tables, live: &Tables) -> Vec<String> {
    let mut differences = Vec::new();
    let names: BTreeSet<&String> = known.keys().chain(live.keys()).collect();
    for name in names {
        let (Some(known), Some(live)) = (known.get(name), live.get(name)) else {
            let side = if known.contains_key(name) {
                "Diesel"
            } else {
                "the database"
            };
            differences.push(format!("only {side} has {name}"));
            continue;
        };
        for at in 0..known.len().max(live.len()) {
            let (known, live) = (known.get(at), live.get(at));
            let same = known.zip(live).is_some_and(|(known, live)| known.matches(live));
            if !same {
                differences.push(format!("{name}, column {}: {known:?} is {live:?}", at + 1));
            }
        }
    }
    differences
}
