//! The file itself, held open, so that the system can be asked to write it to the disk apart from SQLite.
//!
//! When a process closes a file, POSIX drops every lock that the process has on it, SQLite's among them. So each file
//! is opened once a process, however many stores there are on it, and closed after the connections of the last of them.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

static OPEN: Mutex<BTreeMap<PathBuf, Weak<File>>> = Mutex::new(BTreeMap::new());

/// Opens a file, which exists, or returns the one that is open. To be kept as long as any connection to it.
pub(super) fn hold(path: &Path) -> io::Result<Arc<File>> {
    let path = path.canonicalize()?;
    // No code in here panics half way.
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
    fn a_file_is_opened_once_for_as_long_as_it_is_held() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("shop.db");
        assert!(hold(&path).is_err(), "it is not created");
        std::fs::write(&path, "").expect("written");
        let held = hold(&path).expect("it opens");
        let again = hold(&folder.path().join(".").join("shop.db")).expect("it opens");
        assert!(Arc::ptr_eq(&held, &again));
        drop(held);
        assert!(Arc::ptr_eq(&again, &hold(&path).expect("it opens")));
    }
}
