//! The reader: reads the rows of a surveyed file on a thread of its own, a bounded number of rows ahead.

use earmark_adapters::files::{FileError, Kind, Row};
use tokio::sync::mpsc;

use super::input::Again;
use super::plan::Step;
use super::survey::Survey;

/// Rows in a chunk: enough that passing a chunk to another thread costs little compared with reading it.
const CHUNK_ROWS: usize = 256;

/// The bytes at which a chunk ends: a row may be a whole order.
const CHUNK_BYTES: u64 = 256 * 1024;

/// Chunks read ahead. Some thousand rows keep the engine busy; more would only use memory.
const CHUNKS_AHEAD: usize = 8;

/// The rows of a file, while it is being read.
pub(crate) struct RowReader {
    /// The rows, in the order in which they are planned.
    pub(super) chunks: mpsc::Receiver<Result<Vec<Step>, FileError>>,
    /// How many rows there are.
    pub(super) rows: u64,
}

impl RowReader {
    /// Starts to read the rows of a surveyed file.
    pub(super) fn start(survey: Survey, again: Again, kind: Kind) -> Self {
        let (sender, chunks) = mpsc::channel(CHUNKS_AHEAD);
        let rows = survey.rows;
        // Reading a file blocks, so it takes a blocking thread of the runtime.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = send_rows(survey, &again, kind, &sender) {
                // A closed channel means that the import ended early: the error has no receiver.
                drop(sender.blocking_send(Err(error)));
            }
        });
        Self { chunks, rows }
    }

    /// Rows that are in memory already, each by itself.
    pub(crate) fn of_rows(rows: Vec<Row>) -> Self {
        let (sender, chunks) = mpsc::channel(1);
        let count = rows.len() as u64;
        let steps = rows.into_iter().map(Step::by_itself).collect();
        sender
            .try_send(Ok(steps))
            .expect("an empty channel has room for one chunk");
        Self { chunks, rows: count }
    }
}

fn send_rows(
    survey: Survey,
    again: &Again,
    kind: Kind,
    to: &mpsc::Sender<Result<Vec<Step>, FileError>>,
) -> Result<(), FileError> {
    let mut rows = again.rows(kind)?;
    let (mut chunk, mut bytes) = (Vec::with_capacity(CHUNK_ROWS), 0);
    for place in survey {
        let place = place.map_err(|error| FileError::Read { line: 1, error })?;
        let row = rows.at(place.offset, place.line)?;
        bytes += row.bytes;
        chunk.push(Step {
            row,
            group: place.group,
            note: place.note,
        });
        if chunk.len() == CHUNK_ROWS || bytes >= CHUNK_BYTES {
            bytes = 0;
            if to.blocking_send(Ok(std::mem::take(&mut chunk))).is_err() {
                return Ok(());
            }
        }
    }
    again.check()?;
    // A closed channel means that the import ended early.
    drop(to.blocking_send(Ok(chunk)));
    Ok(())
}
