//! The file itself, held open beside SQLite's own connections.
//!
//! When a process closes a file, POSIX drops every lock that the process has on it, SQLite's among them. So each file
//! is opened once a process, however many stores there are on it, and closed after the connections of the last of them.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::UNIX_EPOCH;

/// Who may read and write a file that is made here: its owner alone. SQLite makes the log and its index with the rights
/// of the file.
pub(in crate::sqlite) const MODE: u32 = 0o600;

static OPEN: Mutex<BTreeMap<Identity, Weak<File>>> = Mutex::new(BTreeMap::new());

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::sqlite) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// The identity of the file with these metadata.
    pub(in crate::sqlite) fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// By what a file is known from all others, wherever it is: its device, its inode, and when it was made, for an inode is
/// used again. Not every file system knows the latter.
pub(in crate::sqlite) fn origin(file: &File) -> io::Result<String> {
    let metadata = file.metadata()?;
    let made = metadata.created().ok();
    let made = made.and_then(|made| made.duration_since(UNIX_EPOCH).ok());
    let made = made.map_or("-".to_owned(), |made| made.as_nanos().to_string());
    Ok(format!("{}/{}/{made}", metadata.dev(), metadata.ino()))
}

/// Opens a file, which exists, or returns the one that is open. To be kept as long as any connection to it. A file that
/// can't be written is opened to be read.
pub(in crate::sqlite) fn hold(path: &Path) -> io::Result<Arc<File>> {
    // No code in here panics half way.
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    open.retain(|_, file| file.strong_count() > 0);
    let known = Identity::of(&path.metadata()?);
    if let Some(file) = open.get(&known).and_then(Weak::upgrade) {
        return Ok(file);
    }
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = Arc::new(file.or_else(|why| if is_read_only(&why) { File::open(path) } else { Err(why) })?);
    open.insert(Identity::of(&file.metadata()?), Arc::downgrade(&file));
    Ok(file)
}

/// Makes a file that is not there, and holds it; `None`: it is there.
pub(in crate::sqlite) fn create(path: &Path) -> io::Result<Option<Arc<File>>> {
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    let made = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(path);
    match made {
        Ok(file) => {
            let file = Arc::new(file);
            open.insert(Identity::of(&file.metadata()?), Arc::downgrade(&file));
            Ok(Some(file))
        }
        Err(there) if there.kind() == io::ErrorKind::AlreadyExists => Ok(None),
        Err(why) => Err(why),
    }
}

/// Whether a file can be written, the right to it given.
fn is_read_only(why: &io::Error) -> bool {
    matches!(
        why.kind(),
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
    )
}

/// Whether a file, if there is one, and its folder can be written: SQLite makes its log in the folder.
///
/// # Errors
/// Why they can't be: mostly for want of a right, or because the file system is read-only.
pub(in crate::sqlite) fn check_writable(path: &Path) -> io::Result<()> {
    use rustix::fs::{Access, access};
    match access(path, Access::WRITE_OK) {
        Err(missing) if missing == rustix::io::Errno::NOENT => {}
        allowed => allowed?,
    }
    let folder = path.parent().map(Path::to_owned).unwrap_or_else(|| PathBuf::from("/"));
    access(&folder, Access::WRITE_OK | Access::EXEC_OK)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_opened_once_for_as_long_as_it_is_held() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("shop.db");
        assert!(hold(&path).is_err(), "it is not created");
        let held = create(&path).expect("created").expect("it was not there");
        assert_eq!(held.metadata().expect("metadata").mode() & 0o777, MODE);
        assert!(create(&path).expect("an answer").is_none(), "it is there");
        let again = hold(&folder.path().join(".").join("shop.db")).expect("it opens");
        assert!(Arc::ptr_eq(&held, &again));
        drop(held);
        assert!(Arc::ptr_eq(&again, &hold(&path).expect("it opens")));
    }
}
