//! Backups: a copy of a file while it is in use, and putting a copy in a file's place.
//!
//! `cp` copies the file without its log, or the two at different instants. Here both are copied as they are at one instant
//! (`snapshot`), while the store goes on working (docs/adr/0059).

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel::connection::SimpleConnection;

use super::connection::{Address, Purpose};
use super::epochs::mark_as_copy;
use super::error::OpenError;
use super::file::{create, log_index_of, log_of};
use super::snapshot::{SnapshotError, check_pages, complete, copy_files};

/// How many files that were moved aside are kept beside each other. So many restores without a look at the folder are a
/// mistake.
const MOST_MOVED_ASIDE: usize = 100;

/// Why a copy was not made, or not put in its place.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file that is copied, or the one that is replaced, can't be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is a file where the copy should be.
    #[error("{} is there already", .0.display())]
    Exists(PathBuf),
    /// Another program is making the same copy.
    #[error("{} is being written by another backup or restore", .0.display())]
    UnderWay(PathBuf),
    /// Another program has the file open.
    #[error("the SQLite database {} is in use; stop the service first", .0.display())]
    InUse(PathBuf),
    /// SQLite could not write the copy.
    #[error("the SQLite database {} can't be copied: {why}", .path.display())]
    Copy {
        /// Which database.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
    /// A file could not be made, moved or written to the disk.
    #[error("{}: {why}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        why: io::Error,
    },
    /// The copying was interrupted: the runtime is shutting down.
    #[error("the copying was cut short: {0}")]
    CutShort(String),
}

/// What becomes of the file that is where a copy is to be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupied {
    /// It stays, and the copy is refused.
    Keep,
    /// It is deleted: it is an older copy.
    Replace,
    /// It is kept under another name, together with its log.
    MoveAside,
}

/// A copy that does not count yet. As long as this lives, [`discard_left_behind`] leaves it alone.
#[derive(Debug)]
pub struct Unfinished {
    _locked: Arc<File>,
}

/// Deletes a copy, if there is one, that was left behind by a copying that was cut off: with its log.
///
/// # Errors
/// [`BackupError::UnderWay`] when it was not left behind.
pub async fn discard_left_behind(copy: &Path) -> Result<(), BackupError> {
    let copy = Address::new(copy)?;
    blocking(move || {
        let path = copy.path();
        let failed = |why| file_error(path, why);
        let left = match File::open(path) {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(failed)?,
        };
        match left.try_lock() {
            Ok(()) => delete(path).map_err(failed),
            Err(TryLockError::WouldBlock) => Err(BackupError::UnderWay(path.to_owned())),
            Err(TryLockError::Error(why)) => Err(failed(why)),
        }
    })
    .await
}

/// Deletes a copy with its log.
fn delete(copy: &Path) -> io::Result<()> {
    for file in [log_index_of(copy), log_of(copy), copy.to_owned()] {
        match fs::remove_file(file) {
            Err(why) if why.kind() != io::ErrorKind::NotFound => return Err(why),
            _ => {}
        }
    }
    Ok(())
}

/// Writes a copy of a database, which may be in use, to a file that is not there yet. The copy is on the disk at the end,
/// is complete without a log, says that it is a copy, and can be read by its owner alone. What could not be finished is
/// deleted.
///
/// # Errors
/// [`BackupError`].
pub async fn copy_database(path: &Path, copy: &Path) -> Result<Unfinished, BackupError> {
    let (address, copy) = (Address::new(path)?, Address::new(copy)?);
    blocking(move || {
        address.inspect(Purpose::Read)?;
        copy.inspect(Purpose::Write)?;
        let failed = |why| file_error(copy.path(), why);
        let Some(file) = create(copy.path()).map_err(failed)? else {
            return Err(BackupError::Exists(copy.path().to_owned()));
        };
        file.lock().map_err(failed)?;
        let copied = write_copy(&address, &copy, &file).and_then(|()| file.sync_all().map_err(failed));
        if copied.is_err() {
            // The error that is reported is the first one.
            drop(delete(copy.path()));
        }
        copied.map(|()| Unfinished { _locked: file })
    })
    .await
}

fn write_copy(address: &Address, copy: &Address, file: &File) -> Result<(), BackupError> {
    let failed = |why: SnapshotError| BackupError::Copy {
        path: address.path().to_owned(),
        why: why.to_string(),
    };
    let mut source = address.open_plain()?;
    copy_files(&mut source, address.path(), file, copy.path()).map_err(failed)?;
    drop(source);
    let mut copied = copy.open_plain()?;
    mark_as_copy(&mut copied).map_err(|why| failed(why.into()))?;
    complete(&mut copied).map_err(failed)
}

/// Checks that the pages of a copy belong together. What they say is not looked at.
///
/// # Errors
/// [`BackupError`].
pub async fn check_copy(copy: &Path) -> Result<(), BackupError> {
    let copy = Address::new(copy)?;
    blocking(move || {
        let mut copied = copy.open_plain()?;
        check_pages(&mut copied).map_err(|why| BackupError::Copy {
            path: copy.path().to_owned(),
            why: why.to_string(),
        })
    })
    .await
}

/// Puts a copy, which was checked, in its place, in one step. Answers where the file that was there has been moved to.
///
/// # Errors
/// [`BackupError`]; then the copy is still where it was.
pub async fn put_in_place(copy: &Path, path: &Path, occupied: Occupied) -> Result<Option<PathBuf>, BackupError> {
    let (copy, address) = (Address::new(copy)?, Address::new(path)?);
    blocking(move || {
        let (copy, path) = (copy.path(), address.path());
        let failed = |why| file_error(path, why);
        let aside = match occupied {
            Occupied::Keep => {
                // Unlike a renaming, it fails where there is a file.
                match fs::hard_link(copy, path) {
                    Err(there) if there.kind() == io::ErrorKind::AlreadyExists => {
                        return Err(BackupError::Exists(path.to_owned()));
                    }
                    linked => linked.map_err(failed)?,
                }
                fs::remove_file(copy).map_err(failed)?;
                None
            }
            Occupied::Replace => {
                if log_of(path).exists() {
                    return Err(BackupError::InUse(path.to_owned()));
                }
                fs::rename(copy, path).map_err(failed)?;
                None
            }
            Occupied::MoveAside => exchange(copy, &address)?,
        };
        let folder = path.parent().unwrap_or(path);
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        Ok(aside)
    })
    .await
}

/// Moves a database aside, and a copy in its place.
fn exchange(copy: &Path, address: &Address) -> Result<Option<PathBuf>, BackupError> {
    let path = address.path();
    let failed = |why| file_error(path, why);
    if !address.exists() {
        fs::rename(copy, path).map_err(failed)?;
        return Ok(None);
    }
    // A file that no longer opens may be in nobody's use.
    let locked = match address.inspect(Purpose::Write).and_then(|_| address.open_plain()) {
        Err(_) => None,
        Ok(mut connection) => {
            let alone =
                connection.batch_execute("PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE");
            alone.map_err(|_| BackupError::InUse(path.to_owned()))?;
            Some(connection)
        }
    };
    let aside = free_name(path)?;
    for (from, to) in [
        (log_of(path), log_of(&aside)),
        (log_index_of(path), log_index_of(&aside)),
        (path.to_owned(), aside.clone()),
    ] {
        match fs::rename(&from, &to) {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
            moved => moved.map_err(failed)?,
        }
    }
    fs::rename(copy, path).map_err(failed)?;
    if let Some(mut connection) = locked {
        connection.moved_to(&aside);
        drop(connection);
    }
    Ok(Some(aside))
}

/// A name for a file that is moved aside.
fn free_name(path: &Path) -> Result<PathBuf, BackupError> {
    let named = |number: usize| {
        let mut name = path.file_name().unwrap_or(OsStr::new("database")).to_owned();
        name.push(format!(".before-restore-{number}"));
        path.with_file_name(name)
    };
    let free = (1..=MOST_MOVED_ASIDE).map(named).find(|name| !name.exists());
    free.ok_or_else(|| BackupError::Exists(named(MOST_MOVED_ASIDE)))
}

fn file_error(path: &Path, why: io::Error) -> BackupError {
    BackupError::File {
        path: path.to_owned(),
        why,
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(why) => Err(BackupError::CutShort(why.to_string())),
    }
}
