//! Statements: SQL written out, with typed values and rows, kept prepared by the connection.
//!
//! Set-based writes and look-ups by arrays of keys can't be said in diesel's query builder, and its raw queries are
//! prepared anew each time they run. A [`Statement`] is known to the connection's cache by its text, so each is
//! prepared once a connection, and running it is one round trip.

use std::marker::PhantomData;

use diesel::deserialize::FromSqlRow;
use diesel::expression::{AsExpression, TypedExpressionType};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::CompatibleType;
use diesel::result::QueryResult;
use diesel::sql_types::{Array, Nullable, SingleValue, SqlType};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

/// A statement with its values. `Row` is the tuple of SQL types of the rows it yields.
pub(super) struct Statement<'a, Row = ()> {
    /// A `?` stands for each value, in the order they are bound; the text has no other.
    text: &'static str,
    values: Vec<Box<dyn QueryFragment<Pg> + Send + 'a>>,
    row: PhantomData<fn() -> Row>,
}

/// A statement of this text, as yet without values.
pub(super) const fn statement<'a, Row>(text: &'static str) -> Statement<'a, Row> {
    Statement {
        text,
        values: Vec::new(),
        row: PhantomData,
    }
}

impl<'a, Row> Statement<'a, Row> {
    /// Gives the next `?` its value.
    pub(super) fn bind<Type, Value>(mut self, value: Value) -> Self
    where
        Type: SqlType + TypedExpressionType,
        Value: AsExpression<Type>,
        Value::Expression: QueryFragment<Pg> + Send + 'a,
    {
        self.values.push(Box::new(value.as_expression()));
        self
    }

    /// Gives the next `?` an array.
    pub(super) fn array<Type, Value>(self, values: Vec<Value>) -> Self
    where
        Type: SingleValue + 'static,
        Vec<Value>: AsExpression<Array<Type>>,
        <Vec<Value> as AsExpression<Array<Type>>>::Expression: QueryFragment<Pg> + Send + 'a,
    {
        self.bind::<Array<Type>, _>(values)
    }

    /// Gives the next `?` an array, or NULL where there is nothing in it: for a column of rows that may not be there,
    /// which the server need not unpack then.
    pub(super) fn list<Type, Value>(self, values: Vec<Value>) -> Self
    where
        Type: SingleValue + 'static,
        Option<Vec<Value>>: AsExpression<Nullable<Array<Type>>>,
        <Option<Vec<Value>> as AsExpression<Nullable<Array<Type>>>>::Expression: QueryFragment<Pg> + Send + 'a,
    {
        self.bind::<Nullable<Array<Type>>, _>(Some(values).filter(|values| !values.is_empty()))
    }
}

impl<'a, Row> Statement<'a, Row>
where
    Row: Send + 'static,
{
    /// Runs it and answers how many rows it wrote. Statements polled together on one connection are sent together.
    pub(super) async fn write(self, mut conn: &AsyncPgConnection) -> QueryResult<usize> {
        self.execute(&mut conn).await
    }

    /// Runs it and answers its rows. Statements polled together on one connection are sent together.
    pub(super) async fn rows<U>(self, mut conn: &AsyncPgConnection) -> QueryResult<Vec<U>>
    where
        Row: SqlType + CompatibleType<U, Pg>,
        Pg: diesel::expression::QueryMetadata<Row>,
        U: FromSqlRow<<Row as CompatibleType<U, Pg>>::SqlType, Pg> + Send + 'static,
        <Row as CompatibleType<U, Pg>>::SqlType: 'static,
    {
        self.load(&mut conn).await
    }
}

impl<Row> Query for Statement<'_, Row> {
    type SqlType = Row;
}

impl<Row> QueryId for Statement<'_, Row> {
    type QueryId = ();

    // Without an id of its type the connection knows a statement by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Row> QueryFragment<Pg> for Statement<'_, Row> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut pieces = self.text.split('?');
        out.push_sql(pieces.next().unwrap_or_default());
        for (piece, value) in pieces.zip(&self.values) {
            value.walk_ast(out.reborrow())?;
            out.push_sql(piece);
        }
        Ok(())
    }
}
