//! A connection that may write, and leaves the file as it should be left.

use std::fs::File;
use std::io::ErrorKind;
use std::mem;
use std::ops::{Deref, DerefMut};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use diesel::SqliteConnection;

use super::binding::release;
use super::held_file::Identity;

/// A connection that may write. When it is the last one to the file, it leaves the file complete, without a log.
pub(in crate::sqlite) struct FileConnection {
    /// `None` only while it is being dropped.
    connection: Option<SqliteConnection>,
    path: PathBuf,
    /// Must not be closed before the connection is.
    file: Arc<File>,
    /// Whether it takes the binding back, should another program stay connected.
    unbinds: bool,
    abandoned: bool,
}

impl FileConnection {
    pub(in crate::sqlite) const fn new(connection: SqliteConnection, path: PathBuf, file: Arc<File>) -> Self {
        Self {
            connection: Some(connection),
            path,
            file,
            unbinds: false,
            abandoned: false,
        }
    }

    /// The file, to have it written to the disk.
    pub(in crate::sqlite) const fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// From now on it takes the file's binding to the log back when it is closed: it is the store's connection, and what
    /// another program leaves behind later is not the store's.
    pub(in crate::sqlite) const fn unbind_at_the_end(&mut self) {
        self.unbinds = true;
    }

    /// Leaves the connection open until the process ends. Closing it could copy a log that has lost pages into the file,
    /// or remove the log of another file that took its place.
    pub(in crate::sqlite) const fn abandon(&mut self) {
        self.abandoned = true;
    }

    /// Tells it that its file has another path now.
    pub(in crate::sqlite) fn moved_to(&mut self, path: &Path) {
        path.clone_into(&mut self.path);
    }

    /// Whether its file has no name any more, and no other file has taken its place.
    fn is_deleted(&self) -> bool {
        let has_no_name = self.file.metadata().is_ok_and(|file| file.nlink() == 0);
        has_no_name && self.path.metadata().is_err_and(|why| why.kind() == ErrorKind::NotFound)
    }

    /// Whether its path still leads to its file.
    fn is_in_its_place(&self) -> bool {
        let (there, own) = (self.path.metadata(), self.file.metadata());
        there
            .and_then(|there| own.map(|own| Identity::of(&own) == Identity::of(&there)))
            .unwrap_or(false)
    }
}

impl Deref for FileConnection {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        self.connection.as_ref().expect("it is taken only when it is dropped")
    }
}

impl DerefMut for FileConnection {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        self.connection.as_mut().expect("it is taken only when it is dropped")
    }
}

impl Drop for FileConnection {
    fn drop(&mut self) {
        if self.is_deleted() {
            // Closing it harms no file; left open, it would keep its descriptors.
            drop(self.connection.take());
            return;
        }
        if self.abandoned || !self.is_in_its_place() {
            // The locks of a connection that stays open must stay, too.
            mem::forget(Arc::clone(&self.file));
            mem::forget(self.connection.take());
            return;
        }
        let unbinds = self.unbinds;
        if let Err(why) = release(self, unbinds) {
            tracing::debug!(%why, "the log stays beside the SQLite file; the next start reads it");
        }
    }
}
