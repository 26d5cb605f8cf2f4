//! Cursors: what comes after a key, as queries compare it.

use diesel::dsl::AsExprOf;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use earmark_domain::{LineKey, ServicePosition};

use super::builder::{ComesAfter, comes_after};
use super::schema::lines;
use crate::sql::decode::counter;
use crate::sql::rank;

type TextValue<'a> = AsExprOf<&'a str, Text>;
type NumberValue = AsExprOf<i64, BigInt>;

type ServiceColumns = (lines::rank, lines::placed_version, lines::order_id, lines::line_id);
type ServiceValues<'a> = (NumberValue, NumberValue, TextValue<'a>, TextValue<'a>);

/// The lines after a key, or all of them: no name is empty.
pub(super) fn lines_after(
    after: Option<&LineKey>,
) -> ComesAfter<(lines::order_id, lines::line_id), (TextValue<'_>, TextValue<'_>)> {
    let (order, line) = after.map_or(("", ""), |key| (key.order.as_str(), key.line.as_str()));
    comes_after(
        (lines::order_id, lines::line_id),
        (order.into_sql::<Text>(), line.into_sql::<Text>()),
    )
}

/// The lines after a position in the order of service, or all of them.
pub(super) fn served_after(after: Option<&ServicePosition>) -> ComesAfter<ServiceColumns, ServiceValues<'_>> {
    let (rank, placed_version, order, line) = after.map_or((i64::MIN, i64::MIN, "", ""), |position| {
        (
            rank::rank(position.precedence),
            counter(position.placed_version),
            position.key.order.as_str(),
            position.key.line.as_str(),
        )
    });
    comes_after(
        (lines::rank, lines::placed_version, lines::order_id, lines::line_id),
        (
            rank.into_sql::<BigInt>(),
            placed_version.into_sql::<BigInt>(),
            order.into_sql::<Text>(),
            line.into_sql::<Text>(),
        ),
    )
}
