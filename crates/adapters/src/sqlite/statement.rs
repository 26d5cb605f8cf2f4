//! Statements by hand: SQL written out, with typed values and rows, kept prepared by the connection.
//!
//! They are for what the query builder can't say, and for statements of the hot path that it would prepare anew each
//! time; the place of each gives the reason. A [`Statement`] is known to the connection's cache by its text, so each is
//! prepared once a connection; those that run for every line are known by a type, so that their text need not even be
//! compared.

use std::marker::PhantomData;

use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
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
        for (piece, value) in pieces.zip(&self.values) {
            match value {
                Value::Text(text) => out.push_bind_param::<Text, str>(text)?,
                Value::OwnedText(text) => out.push_bind_param::<Text, str>(text)?,
                Value::Integer(number) => out.push_bind_param::<BigInt, i64>(number)?,
                Value::Null => out.push_bind_param::<Nullable<Text>, Option<&str>>(NULL)?,
            }
            out.push_sql(piece);
        }
        Ok(())
    }
}
