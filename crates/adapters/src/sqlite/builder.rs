//! What Diesel's query builder lacks for SQLite: look-ups by a list of keys, comparisons of row values, a few
//! functions, updates that stay prepared, and pages.
//!
//! Each piece has a static query id, so the connection knows a query made of them by its type and prepares it once.

use std::marker::PhantomData;

use diesel::expression::{
    AppearsOnTable, Expression, SelectableExpression, TypedExpressionType, ValidGrouping, is_aggregate,
};
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId, SelectQuery};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Bool, BoolOrNullableBool, Text};
use diesel::sqlite::Sqlite;
use diesel::{AsChangeset, RunQueryDsl, SqliteConnection, Table, declare_sql_function};
use earmark_application::StoreError;
use earmark_domain::LineKey;

use super::error::store_error;

#[declare_sql_function]
extern "SQL" {
    /// Whether a text contains another in any case, whatever the script. `folded` is in lower case already.
    fn contains_in_any_case(text: Text, folded: Text) -> Bool;

    /// A sum of units. Diesel's own `sum` of a BigInt is a decimal number.
    #[aggregate]
    #[sql_name = "sum"]
    fn total(units: BigInt) -> Nullable<BigInt>;
}

/// A JSON array for a statement to take apart by `json_each`: one text serves lists of every length, where an `IN` with
/// a `?` for each value would be prepared anew each time and runs into the bound on values.
pub(super) fn json_list<T: serde::Serialize>(values: impl IntoIterator<Item = T>) -> String {
    let values: Vec<T> = values.into_iter().collect();
    serde_json::to_string(&values).expect("lists of text are always JSON")
}

/// `column IN (SELECT value FROM json_each(?))`.
#[derive(Debug, Clone, QueryId, ValidGrouping)]
pub(super) struct OneOf<Column> {
    column: Column,
    list: String,
}

/// Whether a column's value is in a list.
pub(super) fn one_of<'a, Column>(column: Column, values: impl IntoIterator<Item = &'a str>) -> OneOf<Column> {
    OneOf {
        column,
        list: json_list(values),
    }
}

impl<Column: Expression> Expression for OneOf<Column> {
    type SqlType = Bool;
}

impl<From, Column: AppearsOnTable<From>> AppearsOnTable<From> for OneOf<Column> {}

impl<From, Column: SelectableExpression<From>> SelectableExpression<From> for OneOf<Column> {}

impl<Column: QueryFragment<Sqlite>> QueryFragment<Sqlite> for OneOf<Column> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        self.column.walk_ast(out.reborrow())?;
        out.push_sql(" IN (SELECT value FROM json_each(");
        out.push_bind_param::<Text, String>(&self.list)?;
        out.push_sql("))");
        Ok(())
    }
}

/// `(a, b) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))`.
#[derive(Debug, Clone, QueryId, ValidGrouping)]
pub(super) struct PairOneOf<A, B> {
    columns: (A, B),
    list: String,
}

/// A line's key as the lists of keys have it.
pub(super) fn pair(key: &LineKey) -> [&str; 2] {
    [key.order.as_str(), key.line.as_str()]
}

/// Whether the values of two columns are a pair in a list.
pub(super) fn pair_one_of<'a, A, B>(columns: (A, B), pairs: impl IntoIterator<Item = [&'a str; 2]>) -> PairOneOf<A, B> {
    PairOneOf {
        columns,
        list: json_list(pairs),
    }
}

impl<A: Expression, B: Expression> Expression for PairOneOf<A, B> {
    type SqlType = Bool;
}

impl<From, A: AppearsOnTable<From>, B: AppearsOnTable<From>> AppearsOnTable<From> for PairOneOf<A, B> {}

impl<From, A: SelectableExpression<From>, B: SelectableExpression<From>> SelectableExpression<From>
    for PairOneOf<A, B>
{
}

impl<A: QueryFragment<Sqlite>, B: QueryFragment<Sqlite>> QueryFragment<Sqlite> for PairOneOf<A, B> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("(");
        self.columns.0.walk_ast(out.reborrow())?;
        out.push_sql(", ");
        self.columns.1.walk_ast(out.reborrow())?;
        out.push_sql(") IN (SELECT value ->> 0, value ->> 1 FROM json_each(");
        out.push_bind_param::<Text, String>(&self.list)?;
        out.push_sql("))");
        Ok(())
    }
}

/// `(a, b, …) > (?, ?, …)`: a cursor over several columns, from which an index on them is walked.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
pub(super) struct ComesAfter<Columns, Values> {
    columns: Columns,
    values: Values,
}

/// Whether the columns come after these values in the order of an index.
pub(super) const fn comes_after<Columns, Values>(columns: Columns, values: Values) -> ComesAfter<Columns, Values> {
    ComesAfter { columns, values }
}

impl<Columns, Values> Expression for ComesAfter<Columns, Values>
where
    Columns: Expression,
    Values: Expression<SqlType = Columns::SqlType>,
{
    type SqlType = Bool;
}

impl<From, Columns, Values> AppearsOnTable<From> for ComesAfter<Columns, Values>
where
    Columns: AppearsOnTable<From>,
    Values: AppearsOnTable<From> + Expression<SqlType = Columns::SqlType>,
{
}

impl<From, Columns, Values> SelectableExpression<From> for ComesAfter<Columns, Values>
where
    Columns: SelectableExpression<From>,
    Values: SelectableExpression<From> + Expression<SqlType = Columns::SqlType>,
{
}

impl<Columns: QueryFragment<Sqlite>, Values: QueryFragment<Sqlite>> QueryFragment<Sqlite>
    for ComesAfter<Columns, Values>
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("(");
        self.columns.walk_ast(out.reborrow())?;
        out.push_sql(") > (");
        self.values.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

/// `'backordered'`, written out: the planner must see the very predicate of the partial index on the backlog, and sees
/// no bound value.
#[derive(Debug, Clone, Copy, QueryId, ValidGrouping)]
pub(super) struct Backordered;

impl Expression for Backordered {
    type SqlType = Text;
}

impl<From> AppearsOnTable<From> for Backordered {}

impl<From> SelectableExpression<From> for Backordered {}

impl QueryFragment<Sqlite> for Backordered {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("'backordered'");
        Ok(())
    }
}

/// A subquery of one row and one column, such as a sum, as a value.
///
/// Diesel's own `single_value` adds a LIMIT, and SQLite plans a statement anew each time a value is bound to that.
#[derive(Debug, Clone, Copy, QueryId)]
pub(super) struct Scalar<Select> {
    select: Select,
}

/// The one value of a subquery.
pub(super) const fn scalar<Select>(select: Select) -> Scalar<Select> {
    Scalar { select }
}

impl<Select: SelectQuery> Expression for Scalar<Select>
where
    Select::SqlType: TypedExpressionType,
{
    type SqlType = Select::SqlType;
}

impl<From, Select> AppearsOnTable<From> for Scalar<Select> where Self: Expression {}

impl<From, Select> SelectableExpression<From> for Scalar<Select> where Self: Expression {}

impl<Group, Select> ValidGrouping<Group> for Scalar<Select> {
    type IsAggregate = is_aggregate::Never;
}

impl<Select: QueryFragment<Sqlite>> QueryFragment<Sqlite> for Scalar<Select> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("(");
        self.select.walk_ast(out.reborrow())?;
        out.push_sql(")");
        Ok(())
    }
}

/// An UPDATE that the connection keeps prepared, known by `Id`.
///
/// Diesel prepares its own UPDATE anew each time it runs, because a changeset may leave out a column. The changesets here
/// always name the same columns. One `Id` belongs to one statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Update<Id, Source, Changes, Condition> {
    table: Source,
    changes: Changes,
    condition: Condition,
    id: PhantomData<fn() -> Id>,
}

/// An UPDATE of the rows of a table that meet a condition.
pub(super) fn update<Id, T, Changes, Condition>(
    table: &T,
    condition: Condition,
    changes: Changes,
) -> Update<Id, T::FromClause, Changes::Changeset, Condition>
where
    T: Table,
    Changes: AsChangeset<Target = T>,
    Condition: AppearsOnTable<T> + Expression<SqlType: BoolOrNullableBool>,
{
    Update {
        table: table.from_clause(),
        changes: changes.as_changeset(),
        condition,
        id: PhantomData,
    }
}

impl<Id: 'static, Source, Changes, Condition> QueryId for Update<Id, Source, Changes, Condition> {
    type QueryId = Id;

    const HAS_STATIC_QUERY_ID: bool = true;
}

impl<Id, Source, Changes, Condition> Query for Update<Id, Source, Changes, Condition> {
    type SqlType = ();
}

impl<Id, Source, Changes, Condition> RunQueryDsl<SqliteConnection> for Update<Id, Source, Changes, Condition> {}

impl<Id, Source, Changes, Condition> QueryFragment<Sqlite> for Update<Id, Source, Changes, Condition>
where
    Source: QueryFragment<Sqlite>,
    Changes: QueryFragment<Sqlite>,
    Condition: QueryFragment<Sqlite>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Sqlite>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        self.table.walk_ast(out.reborrow())?;
        out.push_sql(" SET ");
        self.changes.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        self.condition.walk_ast(out)
    }
}

/// The first rows of a query.
///
/// Rows that are not read are not made. A LIMIT would cost more: SQLite plans a statement anew each time a value is
/// bound to it.
pub(super) fn first_rows<Row>(
    rows: QueryResult<impl Iterator<Item = QueryResult<Row>>>,
    limit: usize,
) -> Result<Vec<Row>, StoreError> {
    rows.and_then(|rows| rows.take(limit).collect()).map_err(store_error)
}
