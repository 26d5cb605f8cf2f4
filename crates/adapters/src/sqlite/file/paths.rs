//! Where the files beside a database are.

use std::path::{Path, PathBuf};

/// The log of a database.
pub(in crate::sqlite) fn log_of(database: &Path) -> PathBuf {
    beside(database, "-wal")
}

/// The index of its log, which the connections of all processes share.
pub(in crate::sqlite) fn log_index_of(database: &Path) -> PathBuf {
    beside(database, "-shm")
}

fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
