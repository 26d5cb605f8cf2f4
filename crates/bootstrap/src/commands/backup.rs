//! `earmark backup` and `earmark restore`: copies of the SQLite database, checked before they count.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use earmark_domain::Calendar;
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};
use tokio::runtime;

use crate::commands::verify;
use crate::failure::{EXIT_FAILED, Failure};
use crate::output::print;
use crate::settings::{Settings, StoreSettings, StoreUrl};
use crate::wiring::{self, AccessMode};

/// How much the copying gives way to the service beside it: on a processor that both want it gets a tenth. Its snapshot is
/// held meanwhile, so it must not starve either.
const NICENESS: i32 = 10;

/// Lowers the priority of this thread, and of all that it starts from now on.
pub(crate) fn give_way() {
    // No system refuses this to anybody; and a backup with the usual priority is one, too.
    let _ = rustix::process::nice(NICENESS);
}

/// Lets this thread, and all that it starts from now on, have only the time of processors that nobody else wants.
fn take_what_is_left() {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    // A check that does not give way is one, too. That the niceness can't be taken back, which this tries, does not matter.
    let _ = set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle);
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
    if !is_sound_beside_others(settings, &copy).await? {
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
    if !is_sound(&with_file(settings, &copy), &settings.calendar).await? {
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

/// Checks a copy as [`is_sound`] does, in threads of its own, which leave the processors to others. Nothing waits for it: the
/// copy holds no snapshot any more.
async fn is_sound_beside_others(settings: &Settings, copy: &Path) -> Result<bool, Failure> {
    let (store, calendar) = (with_file(settings, copy), settings.calendar.clone());
    let checked = tokio::task::spawn_blocking(move || {
        take_what_is_left();
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::Failed(format!("can't start a runtime: {error}")))?;
        runtime.block_on(is_sound(&store, &calendar))
    });
    let cut_short = |why| Failure::Failed(format!("the check was cut short: {why}"));
    checked.await.map_err(cut_short)?
}

/// Checks a copy: its pages, and then what they say, as `earmark verify` does it.
async fn is_sound(store: &StoreSettings, calendar: &Calendar) -> Result<bool, Failure> {
    wiring::check_copy(wiring::sqlite_file(store)?).await?;
    let ports = wiring::wire(store, calendar, AccessMode::Read).await?;
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
