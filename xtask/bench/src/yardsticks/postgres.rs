//! The yardstick on PostgreSQL: `pgbench` with a schema and scripts of its own.

use std::time::Duration;

use xtask::Failure;

use crate::load::wrk::OrderIds;
use crate::measure::results::{RawSlice, Timing};
use crate::stores::postgres::Postgres;
use crate::yardsticks::pgbench::Pgbench;
use crate::yardsticks::yardstick::{Method, Yardstick};

const SCHEMA: &str = include_str!("../../sql/postgres_schema.sql");
const SET_BASED: &str = include_str!("../../sql/postgres_set.sql");
const SERVER_FUNCTION: &str = include_str!("../../sql/postgres_function.sql");
const STATEMENTS: &str = include_str!("../../sql/postgres_statements.sql");

/// Creating the schema takes a second.
const SCHEMA_LIMIT: Duration = Duration::from_secs(120);

/// Measures a yardstick in an empty database.
pub(crate) fn measure(
    postgres: &Postgres,
    database: &str,
    yardstick: Yardstick,
    timing: Timing,
) -> Result<RawSlice, Failure> {
    let products = ("products", yardstick.products.to_string());
    postgres.script(database, SCHEMA, std::slice::from_ref(&products), SCHEMA_LIMIT)?;
    let lines = yardstick.method.lines();
    let part = |run: u32, duration| -> Result<RawSlice, Failure> {
        let variables = [
            products.clone(),
            ("turn", "0".to_owned()),
            ("run", run.to_string()),
            ("lines", lines.to_string()),
            ("random", u32::from(yardstick.order_ids == OrderIds::Random).to_string()),
        ];
        let pgbench = Pgbench {
            script: match yardstick.method {
                Method::SetBased { .. } => SET_BASED,
                Method::ServerFunction { .. } => SERVER_FUNCTION,
                Method::Statements => STATEMENTS,
            },
            clients: yardstick.method.clients(),
            variables: &variables,
        };
        let transactions = pgbench.measure(postgres, database, duration)?;
        Ok(RawSlice {
            done: transactions.done * u64::from(lines),
            ..transactions
        })
    };
    let warm_up = part(1, timing.warm_up)?;
    let slice = part(2, timing.measured)?;
    check(postgres, database, warm_up.done + slice.done)?;
    Ok(slice)
}

/// Each unit taken from a batch must have an allocation and an event.
fn check(postgres: &Postgres, database: &str, done: u64) -> Result<(), Failure> {
    let counted = postgres.sql(
        database,
        "SELECT (SELECT count(*) FROM allocations), (SELECT sum(allocated) FROM batches), \
         (SELECT count(*) FROM outbox)",
    )?;
    let counted = counted.trim();
    if counted == format!("{done}|{done}|{done}") {
        Ok(())
    } else {
        Err(format!(
            "the yardstick on PostgreSQL made {done} allocations, and its tables have \
             allocations|units taken|events: {counted}"
        )
        .into())
    }
}
