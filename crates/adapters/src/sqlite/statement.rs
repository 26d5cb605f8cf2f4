//! Statements by hand: SQL written out, with typed values and rows, kept prepared by the connection.
//!
//! They are for what the query builder can't say, and for statements of the hot path that it would prepare anew each
//! time; the place of each gives the reason. A [`Statement`] is known to the connection's cache by its text, so each is
//! prepared once a connection; those that run for every line are known by a type, so that their text need not even be
//! compared.

use std::marker::PhantomData;

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::{Error, QueryResult};
use diesel::sql_types::{BigInt, Nullable, Text};
use diesel::sqlite::Sqlite;
use diesel::{RunQueryDsl, SqliteConnection};

use super::builder::json_list;

/// A value for a `?`.
enum Value<'a> {
    Text(&'a str),
    OwnedText(String),
    Integer(i64),
    Null,
}

/// By what the connection's cache knows a statement.
pub(super) trait Identity: 'static {
    /// Whether by this type. Then no other text may ever go by it.
    const OF_ITS_OWN: bool;
}

/// By its text.
pub(super) struct ItsText;

impl Identity for ItsText {
    const OF_ITS_OWN: bool = false;
}

/// A statement with its values. `Row` is the tuple of SQL types of the rows it yields.
pub(super) struct Statement<'a, Row = (), Id = ItsText> {
    /// A `?` stands for each value, in the order they are bound; the text has no other.
    text: &'static str,
    values: Vec<Value<'a>>,
    kind: PhantomData<fn() -> (Row, Id)>,
}

/// A statement of this text, as yet without values.
pub(super) const fn statement<'a, Row>(text: &'static str) -> Statement<'a, Row> {
    Statement {
        text,
        values: Vec::new(),
        kind: PhantomData,
    }
}

impl<'a, Row, Id: Identity> Statement<'a, Row, Id> {
    /// The same statement, known by a type.
    pub(super) fn known_as<Other: Identity>(self) -> Statement<'a, Row, Other> {
        Statement {
            text: self.text,
            values: self.values,
            kind: PhantomData,
        }
    }

    /// Reserves memory for that many values.
    pub(super) fn with_capacity(mut self, values: usize) -> Self {
        self.values.reserve_exact(values);
        self
    }

    fn bind(mut self, value: Value<'a>) -> Self {
        self.values.push(value);
        self
    }

    /// Gives the next `?` a text.
    pub(super) fn text(self, value: &'a str) -> Self {
        self.bind(Value::Text(value))
    }

    /// Gives the next `?` a text that the statement owns.
    pub(super) fn owned_text(self, value: String) -> Self {
        self.bind(Value::OwnedText(value))
    }

    /// Gives the next `?` a number.
    pub(super) fn integer(self, value: i64) -> Self {
        self.bind(Value::Integer(value))
    }

    /// Gives the next `?` a text or NULL.
    pub(super) fn optional_text(self, value: Option<&'a str>) -> Self {
        self.bind(value.map_or(Value::Null, Value::Text))
    }

    /// Gives the next `?` a text that the statement owns, or NULL.
    pub(super) fn optional_owned_text(self, value: Option<String>) -> Self {
        self.bind(value.map_or(Value::Null, Value::OwnedText))
    }

    /// Gives the next `?` a number or NULL.
    pub(super) fn optional_integer(self, value: Option<i64>) -> Self {
        self.bind(value.map_or(Value::Null, Value::Integer))
    }

    /// Gives the next `?` a list, for the statement to take apart by `json_each`.
    pub(super) fn list<T: serde::Serialize>(self, values: impl IntoIterator<Item = T>) -> Self {
        self.owned_text(json_list(values))
    }

    /// Runs it and answers how many rows it wrote, those that triggers wrote not among them.
    pub(super) fn write(self, connection: &mut SqliteConnection) -> QueryResult<usize> {
        self.execute(connection)
    }
}

impl<Row, Id> Query for Statement<'_, Row, Id> {
    type SqlType = Row;
}

impl<Row, Id: Identity> QueryId for Statement<'_, Row, Id> {
    type QueryId = Id;

    // Without an id of its type the connection knows a statement by its text.
    const HAS_STATIC_QUERY_ID: bool = Id::OF_ITS_OWN;
}

impl<Row, Id> RunQueryDsl<SqliteConnection> for Statement<'_, Row, Id> {}

impl<Row, Id> QueryFragment<Sqlite> for Statement<'_, Row, Id> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        const NULL: &Option<&str> = &None;
        let mut pieces = self.text.split('?');
        out.push_sql(pieces.next().unwrap_or_default());
        let mut values = self.values.iter();
        for piece in pieces {
            match values.next().ok_or_else(|| self.unequal())? {
                Value::Text(text) => out.push_bind_param::<Text, str>(text)?,
                Value::OwnedText(text) => out.push_bind_param::<Text, str>(text)?,
                Value::Integer(number) => out.push_bind_param::<BigInt, i64>(number)?,
                Value::Null => out.push_bind_param::<Nullable<Text>, Option<&str>>(NULL)?,
            }
            out.push_sql(piece);
        }
        match values.next() {
            None => Ok(()),
            Some(_) => Err(self.unequal()),
        }
    }
}

impl<Row, Id> Statement<'_, Row, Id> {
    /// The error of a statement that has not as many values as places for them. Run all the same, it would be another
    /// statement: one that ends at the first place without a value.
    fn unequal(&self) -> Error {
        let places = self.text.matches('?').count();
        let message = format!("{} values for {places} places of: {}", self.values.len(), self.text);
        Error::QueryBuilderError(message.into())
    }
}

#[cfg(test)]
mod tests {
    use diesel::Connection;

    use super::*;

    #[test]
    fn a_statement_with_a_value_too_few_or_too_many_is_an_error_and_does_nothing() {
        let mut connection = SqliteConnection::establish(":memory:").expect("a database");
        let written = |text, values: &[i64], connection: &mut SqliteConnection| {
            let statement = values
                .iter()
                .fold(statement::<()>(text), |statement, value| statement.integer(*value));
            statement.write(connection)
        };
        written("CREATE TABLE t (a, b)", &[], &mut connection).expect("a table");
        assert_eq!(written("INSERT INTO t VALUES (?, ?)", &[1, 2], &mut connection), Ok(1));
        for (text, values) in [
            // Cut off before the place without a value, this would be a statement that deletes everything.
            ("DELETE FROM t WHERE a = 1 OR b = ?", &[][..]),
            ("DELETE FROM t WHERE a = ?", &[1, 2]),
            ("DELETE FROM t WHERE a = ? AND b = ?", &[1]),
        ] {
            let refused = written(text, values, &mut connection).expect_err(text).to_string();
            assert!(refused.contains("places of"), "{refused}");
        }
        assert_eq!(written("DELETE FROM t WHERE a = ?", &[1], &mut connection), Ok(1));
    }
}
