//! The file itself, to have the system write it to the disk beside what SQLite does.
//!
//! Whoever closes a file takes away every lock that their process has on it, SQLite's among them; that is how POSIX has
//! it. So each file is opened once a process, however many stores there are on it, and closed after the connections of
//! the last of them.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

static OPEN: Mutex<BTreeMap<PathBuf, Weak<File>>> = Mutex::new(BTreeMap::new());

/// Opens a file, which is there, or gives the one that is open. To be kept as long as any connection to it.
pub(super) fn hold(path: &Path) -> io::Result<Arc<File>> {
    let path = path.canonicalize()?;
    // Nothing in here panics half way.
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    open.retain(|_, file| file.strong_count() > 0);
    if let Some(file) = open.get(&path).and_then(Weak::upgrade) {
        return Ok(file);
    }
    let file = Arc::new(OpenOptions::new().read(true).write(true).open(&path)?);
    open.insert(path, Arc::downgrade(&file));
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_opened_once_as_long_as_somebody_holds_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("books.db");
        assert!(hold(&path).is_err(), "it is not made");
        std::fs::write(&path, "").expect("written");
        let held = hold(&path).expect("it opens");
        let again = hold(&folder.path().join(".").join("books.db")).expect("it opens");
        assert!(Arc::ptr_eq(&held, &again));
        drop(held);
        assert!(Arc::ptr_eq(&again, &hold(&path).expect("it opens")));
    }
}
