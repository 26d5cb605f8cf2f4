//! `earmark backup` and `earmark restore`: copies of the SQLite database, checked before they count.

use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::ExitCode;
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::commands::verify;
use crate::failure::{EXIT_FAILED, Failure};
use crate::output::print;
use crate::settings::{Settings, StoreSettings, StoreUrl};
use crate::wiring::{self, AccessMode};

/// How much the command gives way to the service beside it: on a processor that both want it gets a tenth. Its snapshot is
/// held while the files are copied, so it must not starve either.
const NICENESS: i32 = 10;

/// How long the check of a copy rests, in times of how long it has worked: it has a fifth of a processor at most, and nobody
/// waits for it. Priority alone does not see to that: the service works in bursts, and each would wait for a slice of the
/// check's to end.
const REST: u32 = 4;

/// How long it works before it rests.
const WORK: Duration = Duration::from_millis(5);

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
    wiring::copy_database(&settings.store, &copy).await?;
    if !with_rests(is_sound(settings, &copy)).await? {
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
    wiring::copy_database(&with_file(settings, file), &copy).await?;
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

/// Does something that waits for one question after the other, with rests between them.
async fn with_rests<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut rest = pin!(sleep(Duration::ZERO));
    let (mut began, mut rests) = (Instant::now(), false);
    poll_fn(|context| {
        let worked = began.elapsed();
        if !rests && worked >= WORK {
            rest.as_mut().reset(Instant::now() + worked * REST);
            rests = true;
        }
        if rests {
            if rest.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            (began, rests) = (Instant::now(), false);
        }
        work.as_mut().poll(context)
    })
    .await
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
    name.push(".tmp");
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn work_rests_four_times_as_long_as_it_takes() {
        /// Questions, each of which takes so long.
        const QUESTIONS: u32 = 10;
        const EACH: Duration = Duration::from_millis(20);

        let began = Instant::now();
        let answered = with_rests(async {
            for _ in 0..QUESTIONS {
                sleep(EACH).await;
            }
            QUESTIONS
        });
        assert_eq!(answered.await, QUESTIONS);
        let took = began.elapsed();
        assert!(took >= 5 * QUESTIONS * EACH && took < 6 * QUESTIONS * EACH, "{took:?}");
    }
}
