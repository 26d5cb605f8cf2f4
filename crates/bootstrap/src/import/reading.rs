//! Reading: a file's rows, read on a thread of their own, a bounded number of them ahead.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use earmark_adapters::files::{FileError, Format, Kind, Row, Rows, open};
use tokio::sync::mpsc;

use crate::failure::Failure;

/// How many rows are handed over at once: enough that handing over costs nothing beside reading them.
const ROWS_A_CHUNK: usize = 256;

/// How many chunks may be read ahead. Some thousand rows keep the engine supplied; more would only be memory.
const CHUNKS_AHEAD: usize = 8;

/// Rows on their way.
pub(crate) struct Reading {
    /// The rows, in the order of the file.
    pub(crate) chunks: mpsc::Receiver<Result<Vec<Row>, FileError>>,
    /// How many bytes of the file have been read.
    pub(crate) read: Arc<AtomicU64>,
    /// How many bytes the file has, where that is known.
    pub(crate) size: Option<u64>,
}

impl Reading {
    /// Begins to read a file, or standard input for `-`.
    ///
    /// # Errors
    /// When the file can't be opened.
    pub(crate) fn of_file(path: &Path, kind: Kind, format: Option<Format>) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Ok(Self::of(io::stdin(), None, None, kind, format));
        }
        let unreadable = |error: io::Error| Failure::Failed(format!("can't read {}: {error}", path.display()));
        let file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(Failure::Failed(format!(
                "can't read {}: it is a folder",
                path.display()
            )));
        }
        // A pipe has no size that would tell how far it has been read.
        let size = metadata.is_file().then_some(metadata.len());
        Ok(Self::of(file, size, Some(path), kind, format))
    }

    /// Rows that have been read already.
    pub(crate) fn of_rows(rows: Vec<Row>) -> Self {
        let (sender, chunks) = mpsc::channel(1);
        sender
            .try_send(Ok(rows))
            .expect("an empty channel has room for one chunk");
        Self {
            chunks,
            read: Arc::default(),
            size: None,
        }
    }

    /// Begins to read bytes from anywhere.
    fn of(
        bytes: impl Read + Send + 'static,
        size: Option<u64>,
        path: Option<&Path>,
        kind: Kind,
        format: Option<Format>,
    ) -> Self {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        let read = Arc::new(AtomicU64::new(0));
        let counting = Counting {
            bytes,
            read: Arc::clone(&read),
        };
        let path = path.map(Path::to_owned);
        // Files are read with calls that block; the runtime has threads for that.
        tokio::task::spawn_blocking(move || {
            let begun = open(counting, path.as_deref(), format).map_err(|error| FileError::Read { line: 1, error });
            match begun.and_then(|source| Rows::begin(source, kind)) {
                Ok(rows) => hand_over(rows, &sender),
                // Nobody listens any more: the import has ended early.
                Err(error) => drop(sender.blocking_send(Err(error))),
            }
        });
        Self { chunks, read, size }
    }
}

fn hand_over(mut rows: Rows, to: &mpsc::Sender<Result<Vec<Row>, FileError>>) {
    loop {
        let mut chunk = Vec::with_capacity(ROWS_A_CHUNK);
        let mut end = None;
        while chunk.len() < ROWS_A_CHUNK && end.is_none() {
            match rows.next() {
                Some(Ok(row)) => chunk.push(row),
                Some(Err(error)) => end = Some(Some(error)),
                None => end = Some(None),
            }
        }
        if to.blocking_send(Ok(chunk)).is_err() {
            return;
        }
        match end {
            None => {}
            Some(None) => return,
            Some(Some(error)) => return drop(to.blocking_send(Err(error))),
        }
    }
}

/// Counts the bytes that are read, for those who show how far it is.
struct Counting<R> {
    bytes: R,
    read: Arc<AtomicU64>,
}

impl<R: Read> Read for Counting<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(into)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
