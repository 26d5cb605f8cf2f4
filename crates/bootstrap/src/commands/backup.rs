//! `earmark backup` and `earmark restore`: copies of the SQLite database, checked before they count.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::commands::verify;
use crate::failure::{EXIT_FAILED, Failure};
use crate::output::print;
use crate::settings::{Settings, StoreSettings, StoreUrl};
use crate::wiring::{self, AccessMode};

/// How much the command gives way to the service beside it: on a processor that both want it gets a tenth. Its snapshot is
/// held while the files are copied, so it must not starve either.
const NICENESS: i32 = 10;

/// Lowers the priority of this thread, and of all that it starts from now on.
pub(crate) fn give_way() {
    // No system refuses this to anybody; and a backup with the usual priority is one, too.
    let _ = rustix::process::nice(NICENESS);
}

/// Copies the database to a file. The copy gets its name only when it has been checked.
///
/// # Errors
/// When the store is not SQLite, or the database can't be copied.
pub(crate) async fn back_up(settings: &Settings, file: &Path, replace: bool) -> Result<ExitCode, Failure> {
    // Before the work.
    if !replace && file.exists() {
        return Err(Failure::Failed(format!(
            "{} is there already; --replace replaces it",
            file.display()
        )));
    }
    let copy = unfinished(file);
    let _unfinished = wiring::copy_database(&settings.store, &copy).await?;
    if !is_sound(settings, &copy).await? {
        print(format_args!("the faulty copy is {}", copy.display()))?;
        return Ok(ExitCode::from(EXIT_FAILED));
    }
    let put = wiring::put_copy(&copy, file, replace).await;
    if put.is_err() {
        // The error that is reported is the first one.
        drop(std::fs::remove_file(&copy));
    }
    put?;
    print(format_args!("copied to {}", file.display()))?;
    Ok(ExitCode::SUCCESS)
}

/// Puts a copy in the place of the database.
///
/// # Errors
/// When the store is not SQLite, the database is in use, or the copy can't be read.
pub(crate) async fn restore(settings: &Settings, file: &Path) -> Result<ExitCode, Failure> {
    let database = wiring::sqlite_file(&settings.store)?;
    let copy = unfinished(database);
    let _unfinished = wiring::copy_database(&with_file(settings, file), &copy).await?;
    if !is_sound(settings, &copy).await? {
        print(format_args!(
            "nothing was restored; the faulty copy is {}",
            copy.display()
        ))?;
        return Ok(ExitCode::from(EXIT_FAILED));
    }
    let replaced = wiring::replace_database(&copy, database).await;
    if replaced.is_err() {
        // The error that is reported is the first one.
        drop(std::fs::remove_file(&copy));
    }
    match replaced? {
        Some(before) => print(format_args!("restored; the database before is {}", before.display()))?,
        None => print("restored")?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Checks a copy as `earmark verify` does it.
async fn is_sound(settings: &Settings, copy: &Path) -> Result<bool, Failure> {
    let ports = wiring::wire(&with_file(settings, copy), &settings.calendar, AccessMode::Read).await?;
    verify::report(&ports).await
}

/// The same settings with another SQLite file.
fn with_file(settings: &Settings, file: &Path) -> StoreSettings {
    StoreSettings {
        url: StoreUrl::Sqlite(file.to_owned()),
        ..settings.store.clone()
    }
}

/// Where a copy lies that is not finished: in the same folder, so that it can be renamed.
fn unfinished(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".unfinished");
    PathBuf::from(name)
}
