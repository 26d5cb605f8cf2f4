//! Migrations: which are missing, and running them.

use std::collections::BTreeSet;

use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::result::Error;
use diesel::sql_types::BigInt;
use diesel::sqlite::Sqlite;
use diesel::{RunQueryDsl, SqliteConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::error::OpenError;
use super::statement::statement;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");

type Migrations = Vec<Box<dyn Migration<Sqlite>>>;

/// The names of all migrations that this program knows: those that a file without a schema is missing.
pub(super) fn all() -> Result<Vec<String>, OpenError> {
    Ok(names(&known()?))
}

/// The names of the migrations that are missing. Changes nothing, not even where there is no schema at all.
pub(super) fn pending(connection: &mut SqliteConnection) -> Result<Vec<String>, OpenError> {
    // By hand, because diesel would create its own table, and this must change nothing.
    const BEGUN: &str = "SELECT count(*) FROM sqlite_schema WHERE name = '__diesel_schema_migrations'";
    let begun: i64 = statement::<BigInt>(BEGUN).get_result(connection).map_err(failed)?;
    if begun == 0 {
        return all();
    }
    Ok(names(&missing(connection)?))
}

/// Runs the migrations that are missing, and answers their names. Two programs may start at once: the check and the
/// work are one transaction, and the second program waits for it.
pub(super) fn run(connection: &mut SqliteConnection) -> Result<Vec<String>, OpenError> {
    connection
        .immediate_transaction(|connection| {
            let missing = missing(connection)?;
            connection.run_migrations(&missing).map_err(failed)?;
            Ok(names(&missing))
        })
        .map_err(|Failed(why)| why)
}

/// A failure inside the transaction, or of the transaction itself.
struct Failed(OpenError);

impl From<OpenError> for Failed {
    fn from(why: OpenError) -> Self {
        Self(why)
    }
}

impl From<Error> for Failed {
    fn from(why: Error) -> Self {
        Self(failed(why))
    }
}

fn known() -> Result<Migrations, OpenError> {
    MIGRATIONS.migrations().map_err(failed)
}

/// What this program knows and the database is missing, in order.
fn missing(connection: &mut SqliteConnection) -> Result<Migrations, OpenError> {
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

fn names(migrations: &Migrations) -> Vec<String> {
    migrations
        .iter()
        .map(|migration| migration.name().to_string())
        .collect()
}

fn failed(why: impl std::fmt::Display) -> OpenError {
    OpenError::Migration(why.to_string())
}
