//! `earmark migrate`: brings the schema of the database up to date, or checks whether it is.

use std::process::ExitCode;

use crate::failure::{EXIT_FAILED, Failure};
use crate::output::print;
use crate::settings::Settings;
use crate::wiring;

/// Runs the missing migrations and prints them. With `check` it only prints them, and exits with 1 if there are any. With
/// `without_log` it first takes a SQLite file for complete though its log is missing.
///
/// # Errors
/// When the database can't be reached, a migration fails, or the store has no schema.
pub(crate) async fn run(settings: &Settings, check: bool, without_log: bool) -> Result<ExitCode, Failure> {
    if without_log && wiring::give_up_log(&settings.store).await? {
        print("the database goes on without its log: the commits in it are lost; check it with `earmark verify`")?;
    }
    let migrations = match check {
        true => wiring::pending_migrations(&settings.store).await?,
        false => wiring::migrate(&settings.store).await?,
    };
    for migration in &migrations {
        print(format_args!("{} {migration}", if check { "missing" } else { "done" }))?;
    }
    if check && !migrations.is_empty() {
        return Ok(ExitCode::from(EXIT_FAILED));
    }
    print("the schema is up to date")?;
    Ok(ExitCode::SUCCESS)
}
