//! Migrations: which are missing, and running them.

use std::collections::BTreeSet;

use diesel::connection::SimpleConnection;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::sql_types::Bool;
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::error::OpenError;
use super::session::Session;
use super::statement::statement;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");

/// An advisory lock that is held while migrations are looked up and run. It is released with the connection.
const LOCK: &str = "SELECT pg_advisory_lock(x'4541524d4d494752'::bigint)";

/// A connection as Diesel's migrations need it: one that blocks its thread.
type Blocking = AsyncConnectionWrapper<AsyncPgConnection>;

/// The names of the missing migrations. Changes nothing, even where there is no schema at all.
pub(super) async fn pending(session: Session) -> Result<Vec<String>, OpenError> {
    // Diesel creates its own table when it is asked for the applied migrations, so that is only asked if there is one.
    const HAS_TABLE: &str = "SELECT to_regclass('__diesel_schema_migrations') IS NOT NULL";
    let has_table: Vec<bool> = statement::<Bool>(HAS_TABLE)
        .rows(&session)
        .await
        .map_err(|why| OpenError::Unreachable(why.to_string()))?;
    if has_table != [true] {
        return names(&known()?);
    }
    blocking(session, |connection| names(&missing(connection)?)).await
}

/// Runs the missing migrations, and returns their names.
pub(super) async fn run(session: Session) -> Result<Vec<String>, OpenError> {
    blocking(session, |connection| {
        connection.batch_execute(LOCK).map_err(failed)?;
        let missing = missing(connection)?;
        connection.run_migrations(&missing).map_err(failed)?;
        names(&missing)
    })
    .await
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

/// The migrations that this program has and the database lacks, in order.
fn missing(connection: &mut Blocking) -> Result<Migrations, OpenError> {
    let applied = connection.applied_migrations().map_err(failed)?;
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
