//! Checkpoints: how the write-ahead log gets into the file without a transaction waiting for that.
//!
//! A second thread with a connection of its own copies pages from the log into the file while the writer goes on
//! appending. Under load it never gets to the end, and only a log that has been copied to its end restarts; so the
//! writer copies what is left when it stops, some hundred pages, between two transactions and after the answer to the
//! first. SQLite writes the file to the disk only when the end is reached, and that would be the writer's part; so the
//! other thread does it for the pages it has copied.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender, TryRecvError};
use std::thread::{self, JoinHandle};

use diesel::SqliteConnection;
use diesel::result::QueryResult;
use earmark_application::StoreError;

use super::super::error::OpenError;
use super::super::file::{FileConnection, FileGuard, LogLength, copy, length};
use super::connect::Address;

/// How long the log may grow, in pages.
#[derive(Debug, Clone, Copy)]
pub(in crate::sqlite) struct CheckpointBounds {
    /// From here on pages are copied into the file. The more there are at once, the more of them are the same page
    /// changed by many commits, which is copied once.
    pub(super) start: i64,
    /// What the writer may be left with: more takes it longer than a transaction does.
    pub(super) left_over: i64,
    /// Where the writer waits for the other thread to catch up.
    pub(super) most: i64,
}

impl Default for CheckpointBounds {
    /// From 32 MiB on, at most 128 MiB, and 1 MiB for the writer, in pages of 4 KiB.
    fn default() -> Self {
        Self {
            start: 8_192,
            left_over: 256,
            most: 32_768,
        }
    }
}

/// How often pages are copied before the rest is the writer's: each time fewer are left, unless it writes faster than
/// they can be copied.
const MOST_PASSES: usize = 6;

/// The writer's side.
pub(super) struct Checkpoint {
    bounds: CheckpointBounds,
    /// `None` only while it is being dropped.
    wake: Option<SyncSender<()>>,
    stopped: Receiver<()>,
    copying: bool,
    /// The length at which the other thread is woken next.
    next: i64,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoint {
    /// Starts the thread that copies.
    pub(super) fn start(address: &Address, guard: Arc<FileGuard>, bounds: CheckpointBounds) -> Result<Self, OpenError> {
        let connection = address.open_writer_again()?;
        let copier = CheckpointThread {
            file: Arc::clone(connection.file()),
            connection,
            guard,
            bounds,
        };
        let (wake, woken) = mpsc::sync_channel(1);
        let (stop, stopped) = mpsc::sync_channel(1);
        let thread = thread::Builder::new()
            .name("sqlite-checkpoint".to_owned())
            .spawn(move || copier.run(&woken, &stop))
            .map_err(|why| OpenError::CutShort(why.to_string()))?;
        Ok(Self {
            bounds,
            wake: Some(wake),
            stopped,
            copying: false,
            next: bounds.start,
            thread: Some(thread),
        })
    }

    /// The writer calls this between two transactions, with the length of the log. A log that can't be copied is reported
    /// and goes on growing: that is no reason to store nothing.
    pub(super) fn advance(&mut self, connection: &mut SqliteConnection, length: LogLength) {
        if let Err(why) = self.bound(connection, length) {
            tracing::warn!(%why, "the log of the SQLite file can't be copied into it");
            self.next = self.next.saturating_add(self.bounds.start);
        }
    }

    fn bound(&mut self, connection: &mut SqliteConnection, length: LogLength) -> QueryResult<()> {
        if self.copying {
            if !self.has_stopped(length.log >= self.bounds.most) {
                return Ok(());
            }
            self.copying = false;
            let rest = length.log - length.copied;
            let length = copy(connection)?;
            tracing::debug!(rest, "the writer copied the rest of the log into the SQLite file");
            self.next = if length.copied < length.log {
                // A reader is on an old state: what has been written since stays in the log until it ends.
                length.log.saturating_add(self.bounds.start)
            } else {
                self.bounds.start
            };
        } else if length.log < self.bounds.start {
            // The log has restarted.
            self.next = self.bounds.start;
        } else if length.log >= self.next
            && let Some(wake) = &self.wake
        {
            if wake.try_send(()).is_err() {
                tracing::error!("the checkpoint thread of the SQLite file has ended; the writer copies the log alone");
            }
            self.copying = true;
        }
        Ok(())
    }

    /// Whether the other thread has stopped; with `wait` it is waited for.
    fn has_stopped(&self, wait: bool) -> bool {
        // A thread that has ended has stopped, too.
        if wait {
            self.stopped.recv().unwrap_or(());
            return true;
        }
        self.stopped.try_recv() != Err(TryRecvError::Empty)
    }

    /// Copies as much of the log into the file as readers allow, at the end of all writing, and closes the connection.
    pub(super) fn close(self, mut connection: FileConnection) {
        drop(self);
        if let Err(why) = copy(&mut connection) {
            tracing::warn!(%why, "the log stays beside the SQLite file; the next start reads it");
        }
    }
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        // Without it the thread ends.
        drop(self.wake.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the checkpoint thread of the SQLite file panicked");
        }
    }
}

/// The other thread's own state. The file is closed after the connection.
struct CheckpointThread {
    connection: FileConnection,
    file: Arc<File>,
    guard: Arc<FileGuard>,
    bounds: CheckpointBounds,
}

/// Why a checkpoint failed.
#[derive(Debug, thiserror::Error)]
enum CheckpointError {
    #[error(transparent)]
    Sqlite(#[from] diesel::result::Error),
    #[error("the file can't be written to the disk: {0}")]
    File(#[from] io::Error),
    #[error(transparent)]
    Guard(#[from] StoreError),
}

impl CheckpointThread {
    /// Copies whenever it is woken, until the writer's side is gone.
    fn run(mut self, woken: &Receiver<()>, stop: &SyncSender<()>) {
        while woken.recv().is_ok() {
            if let Err(why) = self.catch_up() {
                tracing::warn!(%why, "the log of the SQLite file can't be copied into it");
            }
            if stop.send(()).is_err() {
                return;
            }
        }
    }

    /// Copies until little is left, or as long as it helps.
    fn catch_up(&mut self) -> Result<(), CheckpointError> {
        let mut left = i64::MAX;
        for _ in 0..MOST_PASSES {
            // Pages that are copied into a file that has lost others hide the loss.
            self.guard.check(&mut self.connection)?;
            copy(&mut self.connection)?;
            self.file.sync_data()?;
            let length = length(&mut self.connection)?;
            let still = length.log - length.copied;
            if still <= self.bounds.left_over || still >= left {
                break;
            }
            left = still;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
