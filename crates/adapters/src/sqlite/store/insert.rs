//! New rows, many at a time.
//!
//! By hand, because Diesel keeps an INSERT of several rows prepared only if they own their values, and would copy every
//! text for that; and because it has no `OR FAIL`.

use std::iter::repeat_n;
use std::marker::PhantomData;

use diesel::SqliteConnection;
use earmark_application::StoreError;

use super::super::error::{expect_rows, store_error};
use super::super::statement::{Identity, Statement, statement};

/// How many rows a statement inserts: as many as it can of the first size, the rest by the second, and the last few one
/// by one. The fixed cost of a statement is shared by its rows, and the connection keeps three statements a table
/// prepared, not one for each number of rows.
const MANY: usize = 32;
const SOME: usize = 8;
const ONE: usize = 1;

/// An INSERT into some columns of a table. `Into` is a type of their own.
pub(super) struct Insert<Into> {
    columns: usize,
    many: String,
    some: String,
    one: String,
    into: PhantomData<fn() -> Into>,
}

/// By what the connection knows a statement that inserts so many rows.
struct AtOnce<Into, const ROWS: usize>(PhantomData<fn() -> Into>);

impl<Into: 'static, const ROWS: usize> Identity for AtOnce<Into, ROWS> {
    const OF_ITS_OWN: bool = true;
}

/// An [`Insert`] into columns of a table of the schema.
macro_rules! insert_into {
    ($table:ident: $($column:ident),+ $(,)?) => {
        insert_into!($table: $($column),+; on_conflict "")
    };
    ($table:ident: $($column:ident),+ $(,)?; on_conflict $action:literal) => {
        $crate::sqlite::store::insert::Insert::new(
            stringify!($table),
            &[$(<$table::$column as diesel::Column>::NAME),+],
            $action,
        )
    };
}
pub(super) use insert_into;

impl<Into: 'static> Insert<Into> {
    /// An INSERT into these columns, and what it does where there is such a row; see [`insert_into`].
    ///
    /// A row that is refused leaves those before it in place (`OR FAIL`): the caller rolls the whole transaction back,
    /// so SQLite need not prepare to undo the statement alone.
    pub(super) fn new(table: &str, columns: &[&str], on_conflict: &str) -> Self {
        let row = format!("({})", list(repeat_n("?", columns.len())));
        let text = |rows| {
            let (columns, rows) = (list(columns.iter().copied()), list(repeat_n(row.as_str(), rows)));
            format!("INSERT OR FAIL INTO {table} ({columns}) VALUES {rows} {on_conflict}")
        };
        Self {
            columns: columns.len(),
            many: text(MANY),
            some: text(SOME),
            one: text(ONE),
            into: PhantomData,
        }
    }

    /// Inserts rows, whose values `bind` gives in the order of the columns.
    pub(super) fn rows<'a, T>(
        &'static self,
        connection: &mut SqliteConnection,
        rows: &'a [T],
        bind: impl Fn(Statement<'a>, &'a T) -> Statement<'a>,
    ) -> Result<(), StoreError> {
        let rest = self.at_once::<MANY, T>(&self.many, connection, rows, &bind)?;
        let rest = self.at_once::<SOME, T>(&self.some, connection, rest, &bind)?;
        let none = self.at_once::<ONE, T>(&self.one, connection, rest, &bind)?;
        debug_assert!(none.is_empty(), "one by one nothing is left");
        Ok(())
    }

    /// Inserts as many times `ROWS` rows as there are, and returns those that are left.
    fn at_once<'a, const ROWS: usize, T>(
        &'static self,
        text: &'static str,
        connection: &mut SqliteConnection,
        rows: &'a [T],
        bind: &impl Fn(Statement<'a>, &'a T) -> Statement<'a>,
    ) -> Result<&'a [T], StoreError> {
        let (chunks, rest) = rows.as_chunks::<ROWS>();
        for chunk in chunks {
            let insert = statement(text).with_capacity(ROWS * self.columns);
            let insert = chunk.iter().fold(insert, bind).known_as::<AtOnce<Into, ROWS>>();
            expect_rows(ROWS, insert.write(connection).map_err(store_error)?)?;
        }
        Ok(rest)
    }
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
