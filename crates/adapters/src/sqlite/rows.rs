//! Rows that go into a table together.

use std::iter::repeat_n;

use diesel::SqliteConnection;
use earmark_application::StoreError;

use super::error::{expect_rows, store_error};
use super::statement::{Statement, statement};

/// How many rows a statement inserts: as many as it can of the first size, what is left by the second, and the last few
/// one by one. What a statement costs whatever it does is shared by its rows, and the connection keeps three texts a
/// table prepared, not one for each number of rows.
const AT_ONCE: [usize; 3] = [32, 8, 1];

/// An INSERT into some columns of a table.
pub(super) struct Insert {
    /// With as many rows as [`AT_ONCE`] says.
    texts: [String; AT_ONCE.len()],
}

impl Insert {
    /// An INSERT into these columns, in which no value is made up by the statement.
    ///
    /// A row that is refused leaves those before it standing (`OR FAIL`): whoever inserts rolls the whole transaction
    /// back then, so SQLite need not be ready to undo the statement alone.
    pub(super) fn into(table: &str, columns: &[&str]) -> Self {
        let row = format!("({})", list(repeat_n("?", columns.len())));
        let columns = list(columns.iter().copied());
        Self {
            texts: AT_ONCE.map(|rows| {
                let rows = list(repeat_n(row.as_str(), rows));
                format!("INSERT OR FAIL INTO {table} ({columns}) VALUES {rows}")
            }),
        }
    }

    /// Inserts rows, whose values `bind` gives in the order of the columns.
    pub(super) fn rows<'a, T>(
        &'static self,
        connection: &mut SqliteConnection,
        rows: &'a [T],
        bind: impl Fn(Statement<'a>, &'a T) -> Statement<'a>,
    ) -> Result<(), StoreError> {
        let mut rest = rows;
        for (text, at_once) in self.texts.iter().zip(AT_ONCE) {
            let chunks = rest.chunks_exact(at_once);
            rest = chunks.remainder();
            for chunk in chunks {
                let insert = chunk.iter().fold(statement(text), &bind);
                expect_rows(at_once, insert.write(connection).map_err(store_error)?)?;
            }
        }
        Ok(())
    }
}

fn list<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
