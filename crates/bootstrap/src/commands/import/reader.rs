//! The reader: reads the rows of a file on a thread of its own, a bounded number of rows ahead.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use earmark_adapters::files::{FileError, Format, Kind, Row, Rows, open};
use tokio::sync::mpsc;

use crate::failure::Failure;

/// Rows in a chunk: enough that passing a chunk to another thread costs little compared with reading it.
const CHUNK_ROWS: usize = 256;

/// Chunks read ahead. Some thousand rows keep the engine busy; more would only use memory.
const CHUNKS_AHEAD: usize = 8;

/// The rows of a file, while it is being read.
pub(crate) struct RowReader {
    /// The rows, in the order of the file.
    pub(super) chunks: mpsc::Receiver<Result<Vec<Row>, FileError>>,
    /// The number of bytes read so far.
    pub(super) bytes_read: Arc<AtomicU64>,
    /// The size of the file in bytes, if known.
    pub(super) size: Option<u64>,
}

impl RowReader {
    /// Starts to read a file, or standard input for `-`.
    ///
    /// # Errors
    /// When the file can't be opened.
    pub(super) fn open(path: &Path, kind: Kind, format: Option<Format>) -> Result<Self, Failure> {
        if path.as_os_str() == "-" {
            return Ok(Self::start(io::stdin(), None, None, kind, format));
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
        // The size of a pipe says nothing about its contents.
        let size = metadata.is_file().then_some(metadata.len());
        Ok(Self::start(file, size, Some(path), kind, format))
    }

    /// Rows that are in memory already.
    pub(crate) fn of_rows(rows: Vec<Row>) -> Self {
        let (sender, chunks) = mpsc::channel(1);
        sender
            .try_send(Ok(rows))
            .expect("an empty channel has room for one chunk");
        Self {
            chunks,
            bytes_read: Arc::default(),
            size: None,
        }
    }

    fn start(
        bytes: impl Read + Send + 'static,
        size: Option<u64>,
        path: Option<&Path>,
        kind: Kind,
        format: Option<Format>,
    ) -> Self {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        let bytes_read = Arc::new(AtomicU64::new(0));
        let counting = CountingReader {
            bytes,
            count: Arc::clone(&bytes_read),
        };
        let path = path.map(Path::to_owned);
        // Reading a file blocks, so it takes a blocking thread of the runtime.
        tokio::task::spawn_blocking(move || {
            let source = open(counting, path.as_deref(), format).map_err(|error| FileError::Read { line: 1, error });
            match source.and_then(|source| Rows::begin(source, kind)) {
                Ok(rows) => send_chunks(rows, &sender),
                // A closed channel means that the import ended early: the error has no receiver.
                Err(error) => drop(sender.blocking_send(Err(error))),
            }
        });
        Self {
            chunks,
            bytes_read,
            size,
        }
    }
}

fn send_chunks(mut rows: Rows, to: &mpsc::Sender<Result<Vec<Row>, FileError>>) {
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_ROWS);
        let mut end = None;
        while chunk.len() < CHUNK_ROWS && end.is_none() {
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

/// Counts the bytes that pass through it.
struct CountingReader<R> {
    bytes: R,
    count: Arc<AtomicU64>,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(into)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
