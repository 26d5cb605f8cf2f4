//! Statements: SQL by hand with typed values and rows, for what Diesel's query builder can't say.
//!
//! These are the set-based writes from arrays (`unnest`), the look-ups of many keys whose LATERAL with a LIMIT keeps
//! the plan a look-up, and session settings. Diesel's own raw queries are prepared anew each time they run. A
//! [`Statement`] is known to the connection's cache by its text: it is prepared once a connection, and running it is
//! one round trip.
//!
//! Column lists come from the row structs, as in the query builder, so that a row and its columns can't differ.

use std::marker::PhantomData;

use diesel::deserialize::FromSqlRow;
use diesel::dsl::SqlTypeOf;
use diesel::expression::{AsExpression, Selectable, TypedExpressionType};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::query_dsl::CompatibleType;
use diesel::result::{Error, QueryResult};
use diesel::sql_types::{Array, Nullable, SingleValue, SqlType};
use diesel_async::methods::LoadQuery;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures::FutureExt;
use futures::future::BoxFuture;

use super::error::StatementResult;
use super::session::Session;

/// The SQL types of a row struct's columns.
pub(super) type TypesOf<Row> = SqlTypeOf<<Row as Selectable<Pg>>::SelectExpression>;

/// A statement with its values. `Types` is the tuple of SQL types of the rows it returns.
pub(super) struct Statement<'a, Types = ()> {
    /// `{}` stands for a list of columns and `?` for a value, in the order in which they are given. The text has no
    /// other question marks or braces.
    text: &'static str,
    fragments: Vec<Box<dyn QueryFragment<Pg> + Send + 'a>>,
    types: PhantomData<fn() -> Types>,
}

/// A statement of this text, as yet without values.
pub(super) const fn statement<'a, Types>(text: &'static str) -> Statement<'a, Types> {
    Statement {
        text,
        fragments: Vec::new(),
        types: PhantomData,
    }
}

/// Keys for `= ANY (?)`, each once: the server sorts such a list anew for each row that it is compared with.
pub(super) fn distinct(mut keys: Vec<&str>) -> Vec<&str> {
    keys.sort_unstable();
    keys.dedup();
    keys
}

impl<'a, Types> Statement<'a, Types> {
    /// Puts the columns of a row struct in the place of the next `{}`.
    pub(super) fn columns<Row>(mut self) -> Self
    where
        Row: Selectable<Pg>,
        Row::SelectExpression: QueryFragment<Pg> + Send + 'a,
    {
        self.fragments.push(Box::new(Row::construct_selection()));
        self
    }

    /// Gives the next `?` its value.
    pub(super) fn bind<Type, Value>(mut self, value: Value) -> Self
    where
        Type: SqlType + TypedExpressionType,
        Value: AsExpression<Type>,
        Value::Expression: QueryFragment<Pg> + Send + 'a,
    {
        self.fragments.push(Box::new(value.as_expression()));
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

    /// Gives the next `?` an array, or NULL if it is empty: the server need not unpack that.
    pub(super) fn array_or_null<Type, Value>(self, values: Vec<Value>) -> Self
    where
        Type: SingleValue + 'static,
        Option<Vec<Value>>: AsExpression<Nullable<Array<Type>>>,
        <Option<Vec<Value>> as AsExpression<Nullable<Array<Type>>>>::Expression: QueryFragment<Pg> + Send + 'a,
    {
        self.bind::<Nullable<Array<Type>>, _>(Some(values).filter(|values| !values.is_empty()))
    }
}

impl<'a, Types> Statement<'a, Types>
where
    Types: Send + 'static,
{
    /// Runs it and returns how many rows it wrote. Statements that are polled together on one connection are pipelined.
    pub(super) async fn execute(self, conn: &Session) -> StatementResult<usize> {
        let mut connection = conn.connection();
        conn.run(RunQueryDsl::execute(self, &mut connection)).await
    }

    /// Runs it and returns its rows. Statements that are polled together on one connection are pipelined.
    pub(super) async fn rows<U>(self, conn: &Session) -> StatementResult<Vec<U>>
    where
        Types: SqlType + CompatibleType<U, Pg>,
        Pg: diesel::expression::QueryMetadata<Types>,
        U: FromSqlRow<<Types as CompatibleType<U, Pg>>::SqlType, Pg> + Send + 'static,
        <Types as CompatibleType<U, Pg>>::SqlType: 'static,
    {
        let mut connection = conn.connection();
        conn.run(self.load(&mut connection)).await
    }
}

impl<Types> Query for Statement<'_, Types> {
    type SqlType = Types;
}

impl<Types> QueryId for Statement<'_, Types> {
    type QueryId = ();

    // Without an id of its type the connection's cache knows a statement by its text.
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Types> QueryFragment<Pg> for Statement<'_, Types> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        let mut fragments = self.fragments.iter();
        for (at, piece) in self.text.split("{}").flat_map(|text| text.split('?')).enumerate() {
            if at > 0 {
                fragments
                    .next()
                    .ok_or_else(|| self.mismatch())?
                    .walk_ast(out.reborrow())?;
            }
            out.push_sql(piece);
        }
        fragments.next().map_or(Ok(()), |_| Err(self.mismatch()))
    }
}

impl<Types> Statement<'_, Types> {
    fn mismatch(&self) -> Error {
        let given = self.fragments.len();
        Error::QueryBuilderError(format!("{given} values and column lists do not fit {:?}", self.text).into())
    }
}

/// Runs a query of the query builder and returns its rows. It is sent when it is first polled; queries that are polled
/// together on one connection are pipelined.
///
/// The future is boxed, because the compiler can't prove it to be `Send` within the future of a caller that borrows the
/// values of the query.
pub(super) fn load<'a, Q, U>(query: Q, conn: &'a Session) -> BoxFuture<'a, StatementResult<Vec<U>>>
where
    Q: LoadQuery<'a, &'a AsyncPgConnection, U> + Send + 'a,
    U: Send + 'a,
{
    async move {
        let mut connection = conn.connection();
        conn.run(query.load(&mut connection)).await
    }
    .boxed()
}

/// One column of many records, as an array to bind.
pub(super) fn column<'a, Record: ?Sized, Value>(
    records: &[&'a Record],
    value: impl Fn(&'a Record) -> Value,
) -> Vec<Value> {
    records.iter().map(|record| value(record)).collect()
}

/// A number of rows as LIMIT takes it.
pub(super) fn row_limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use diesel::debug_query;
    use diesel::sql_types::{BigInt, Text};

    use super::*;
    use crate::postgres::schema::inbox;

    #[derive(diesel::Queryable, diesel::Selectable)]
    #[diesel(table_name = inbox)]
    #[expect(dead_code, reason = "only its columns matter here")]
    struct Row {
        source: String,
        message_id: String,
    }

    #[test]
    fn columns_and_values_stand_where_the_text_has_room_for_them() {
        let select = statement::<TypesOf<Row>>("SELECT {} FROM inbox WHERE source = ? LIMIT ?")
            .columns::<Row>()
            .bind::<Text, _>("shop")
            .bind::<BigInt, _>(1_i64);
        let shown = debug_query::<Pg, _>(&select).to_string();
        let sql = r#"SELECT "inbox"."source", "inbox"."message_id" FROM inbox WHERE source = $1 LIMIT $2"#;
        assert!(shown.starts_with(sql), "{shown}");
    }

    #[test]
    fn a_statement_with_too_few_or_too_many_values_is_not_sent() {
        let build = |statement: Statement<'_>| {
            let mut builder = diesel::pg::PgQueryBuilder::default();
            QueryFragment::<Pg>::to_sql(&statement, &mut builder, &Pg)
        };
        build(statement("SELECT ?")).expect_err("a value is missing");
        build(statement("SELECT 1").bind::<Text, _>("x")).expect_err("a value is left");
    }
}
