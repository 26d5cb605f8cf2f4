//! Rows that go into a table together.

use std::iter::repeat_n;
use std::marker::PhantomData;

use diesel::SqliteConnection;
use earmark_application::StoreError;

use super::error::{expect_rows, store_error};
use super::statement::{Identity, Statement, statement};

/// How many rows a statement inserts: as many as it can of the first size, what is left by the second, and the last few
/// one by one. What a statement costs whatever it does is shared by its rows, and the connection keeps three statements
/// a table prepared, not one for each number of rows.
const MANY: usize = 32;
const SOME: usize = 8;
const ONE: usize = 1;

/// An INSERT into some columns of a table. `Into` stands for just these.
pub(super) struct Insert<Into> {
    columns: usize,
    many: String,
    some: String,
    one: String,
    into: PhantomData<fn() -> Into>,
}

/// What a statement goes by that inserts so many rows.
struct AtOnce<Into, const ROWS: usize>(PhantomData<fn() -> Into>);

impl<Into: 'static, const ROWS: usize> Identity for AtOnce<Into, ROWS> {
    const OF_ITS_OWN: bool = true;
}

impl<Into: 'static> Insert<Into> {
    /// An INSERT into these columns, in which no value is made up by the statement.
    ///
    /// A row that is refused leaves those before it standing (`OR FAIL`): whoever inserts rolls the whole transaction
    /// back then, so SQLite need not be ready to undo the statement alone.
    pub(super) fn into(table: &str, columns: &[&str]) -> Self {
        Self::unless(table, columns, "")
    }

    /// The same, and what is to be done where there is such a row.
    pub(super) fn unless(table: &str, columns: &[&str], on_conflict: &str) -> Self {
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

    /// Inserts as many times `ROWS` rows as there are, and gives back those that are left.
    fn at_once<'a, const ROWS: usize, T>(
        &'static self,
        text: &'static str,
        connection: &mut SqliteConnection,
        rows: &'a [T],
        bind: &impl Fn(Statement<'a>, &'a T) -> Statement<'a>,
    ) -> Result<&'a [T], StoreError> {
        let (chunks, rest) = rows.as_chunks::<ROWS>();
        for chunk in chunks {
            let insert = statement(text).with_room(ROWS * self.columns);
            let insert = chunk.iter().fold(insert, bind).known_as::<AtOnce<Into, ROWS>>();
            expect_rows(ROWS, insert.write(connection).map_err(store_error)?)?;
        }
        Ok(rest)
    }
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
