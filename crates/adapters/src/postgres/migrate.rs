//! Migrations: which are missing, and running them.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::dsl::sql;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Double, Text};
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::error::OpenError;
use super::session::Session;
use super::statement::statement;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// An advisory lock that is held while migrations are looked up and run. It is released with the connection.
const LOCK: &str = "SELECT pg_advisory_lock(x'4541524d4d494752'::bigint)";

/// How long a migration waits for a table at a time. Whoever waits to change a table holds up all who come after it, those
/// who only read, too: behind an export or a dump the instances beside it would stand still.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '2s'";

/// How often it tries, for how long in seconds, and how long the others have in between.
const ATTEMPTS: usize = 30;
const TRIES_FOR: f64 = 90.0;
const PAUSE: Duration = Duration::from_secs(1);

/// A failure that comes sooner, in seconds, is no lock that was waited for, and no deadlock: those are told after a second
/// (`deadlock_timeout`) at the earliest.
const SOONEST: f64 = 0.9;

/// A connection as Diesel's migrations need it: one that blocks its thread.
type Blocking = AsyncConnectionWrapper<AsyncPgConnection>;

/// The names of the missing migrations. Changes nothing, even where there is no schema at all.
pub(super) async fn pending(session: &Session) -> Result<Vec<String>, OpenError> {
    // By hand: asked for the applied migrations, Diesel would create its own table, which takes the right to do so even
    // where there is one.
    const HAS_TABLE: &str = "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL";
    const APPLIED: &str = "SELECT version FROM __diesel_schema_migrations";
    let has_table: Vec<bool> = statement::<Bool>(HAS_TABLE)
        .rows(session)
        .await
        .map_err(OpenError::of)?;
    if has_table != [true] {
        return names(&known()?);
    }
    let applied: Vec<String> = statement::<Text>(APPLIED).rows(session).await.map_err(OpenError::of)?;
    let applied: Vec<MigrationVersion<'static>> = applied.into_iter().map(MigrationVersion::from).collect();
    names(&missing(&applied)?)
}

/// Runs the missing migrations, and returns their names.
pub(super) async fn run(session: Session) -> Result<Vec<String>, OpenError> {
    blocking(session, |connection| {
        connection.batch_execute(LOCK).map_err(failed)?;
        // Not before: for the end of another program's migrations it waits as long as they take.
        connection.batch_execute(LOCK_TIMEOUT).map_err(failed)?;
        let all = names(&missing_from(connection)?)?;
        let began = seconds(connection)?;
        for attempt in 1.. {
            let tried = seconds(connection)?;
            // Each is a transaction of its own, and those that are done are done.
            let missing = missing_from(connection)?;
            let Err(why) = connection.run_migrations(&missing) else {
                return Ok(all);
            };
            // Diesel tells what has failed by a text alone, in the language of the server. What the others hold up takes its
            // time to fail, and what fails for another reason after as long is tried a few times in vain.
            let now = seconds(connection)?;
            if now - tried < SOONEST || now - began > TRIES_FOR || attempt >= ATTEMPTS {
                return Err(failed(why));
            }
            tracing::warn!(%why, "a migration is tried again: another program may use a table");
            thread::sleep(PAUSE);
        }
        Ok(all)
    })
    .await
}

/// The time of the server, which no setting of its language changes.
fn seconds(connection: &mut Blocking) -> Result<f64, OpenError> {
    let now = sql::<Double>("extract(epoch FROM clock_timestamp())::float8");
    diesel::select(now).get_result(connection).map_err(failed)
}

fn missing_from(connection: &mut Blocking) -> Result<Migrations, OpenError> {
    missing(&connection.applied_migrations().map_err(failed)?)
}

/// Diesel's migrations block their thread, so they run on one that may be blocked.
async fn blocking<T: Send + 'static>(
    session: Session,
    work: impl FnOnce(&mut Blocking) -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    let connection = session.into_connection();
    tokio::task::spawn_blocking(move || work(&mut Blocking::from(connection)))
        .await
        .map_err(failed)?
}

type Migrations = Vec<Box<dyn Migration<Pg>>>;

fn known() -> Result<Migrations, OpenError> {
    MIGRATIONS.migrations().map_err(failed)
}

/// The migrations that this program has and are not applied, in order.
fn missing(applied: &[MigrationVersion<'static>]) -> Result<Migrations, OpenError> {
    let known = known()?;
    let versions: BTreeSet<MigrationVersion<'_>> = known.iter().map(|migration| migration.name().version()).collect();
    let newer: Vec<String> = applied
        .iter()
        .filter(|version| !versions.contains(version))
        .map(ToString::to_string)
        .collect();
    if !newer.is_empty() {
        return Err(OpenError::Newer(newer));
    }
    drop(versions);
    Ok(known
        .into_iter()
        .filter(|migration| !applied.contains(&migration.name().version()))
        .collect())
}

fn names(migrations: &Migrations) -> Result<Vec<String>, OpenError> {
    Ok(migrations
        .iter()
        .map(|migration| migration.name().to_string())
        .collect())
}

fn failed(why: impl std::fmt::Display) -> OpenError {
    OpenError::Migration(why.to_string())
}
