use std::path::PathBuf;

use diesel::connection::SimpleConnection;
use tempfile::TempDir;

use super::*;

/// Small enough that a test writes many times as much.
const BOUNDS: CheckpointBounds = CheckpointBounds {
    start: 64,
    left_over: 8,
    most: 256,
};

/// No page is copied before the end.
const NEVER: CheckpointBounds = CheckpointBounds {
    start: i64::MAX,
    left_over: 0,
    most: i64::MAX,
};

/// More pages than a commit of [`Notebook::note`] changes.
const A_COMMIT: i64 = 16;

/// A file with a table, and a connection that writes to it.
struct Notebook {
    folder: TempDir,
    writer: FileConnection,
    guard: Arc<FileGuard>,
}

impl Notebook {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = Address::new(&folder.path().join("notes.db")).expect("an address");
        let mut writer = address.open_writer().expect("the file opens");
        writer
            .batch_execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, note TEXT NOT NULL)")
            .expect("a table");
        let guard = address.guard(&mut writer).expect("the files are guarded");
        Self { folder, writer, guard }
    }

    fn checkpoint(&self, bounds: CheckpointBounds) -> Checkpoint {
        Checkpoint::start(&self.address(), Arc::clone(&self.guard), bounds).expect("a thread")
    }

    /// What the writer does after each transaction.
    fn advance(&mut self, checkpoint: &mut Checkpoint) {
        let length = self.length();
        checkpoint.advance(&mut self.writer, length);
    }

    fn address(&self) -> Address {
        Address::new(&self.folder.path().join("notes.db")).expect("an address")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("notes.db-wal")
    }

    /// A commit that changes some pages.
    fn note(&mut self) {
        self.writer
            .batch_execute("INSERT INTO notes (note) VALUES (printf('%.30000c', 'x'))")
            .expect("stored");
    }

    fn length(&mut self) -> LogLength {
        length(&mut self.writer).expect("a length")
    }
}

#[test]
fn neither_a_commit_nor_reading_the_length_copies_the_log() {
    let mut notebook = Notebook::new();
    let mut checkpoint = notebook.checkpoint(NEVER);
    for _ in 0..400 {
        notebook.note();
        notebook.advance(&mut checkpoint);
    }
    let length = notebook.length();
    assert!(length.log > 2_000, "{length:?}");
    assert_eq!(length.copied, 0);
}

#[test]
fn the_log_stays_within_its_bound_however_much_is_written() {
    let mut notebook = Notebook::new();
    let mut checkpoint = notebook.checkpoint(BOUNDS);
    let mut longest = 0;
    for _ in 0..300 {
        notebook.note();
        longest = longest.max(notebook.length().log);
        notebook.advance(&mut checkpoint);
    }
    // The other thread is woken at the bound at the latest, and waited for after the next commit.
    assert!(longest <= BOUNDS.most + 2 * A_COMMIT, "{longest}");
    let bytes = std::fs::metadata(notebook.log_file()).expect("a log").len();
    assert!(bytes < 2_000_000, "{bytes} after 9 MB were written");
}

#[test]
fn a_reader_of_an_old_state_is_not_waited_for_and_the_log_restarts_when_it_ends() {
    let mut notebook = Notebook::new();
    let mut checkpoint = notebook.checkpoint(BOUNDS);
    notebook.note();
    let mut reader = notebook.address().open_plain().expect("the file opens");
    reader
        .batch_execute("BEGIN; SELECT count(*) FROM notes")
        .expect("a state to read");
    for _ in 0..100 {
        notebook.note();
        notebook.advance(&mut checkpoint);
    }
    assert!(
        notebook.length().log > BOUNDS.most,
        "the reader needs the pages in the file"
    );
    reader.batch_execute("COMMIT").expect("done");
    for _ in 0..100 {
        notebook.note();
        notebook.advance(&mut checkpoint);
    }
    assert!(notebook.length().log <= BOUNDS.most + 2 * A_COMMIT);
}

#[test]
fn closing_copies_the_whole_log_into_the_file() {
    let mut notebook = Notebook::new();
    let checkpoint = notebook.checkpoint(NEVER);
    for _ in 0..10 {
        notebook.note();
    }
    checkpoint.close(notebook.address().open_writer().expect("the file opens"));
    let length = notebook.length();
    assert!(length.log > 0);
    assert_eq!(length.copied, length.log);
}

#[test]
fn the_writer_copies_alone_when_the_other_thread_has_ended() {
    let mut notebook = Notebook::new();
    let mut checkpoint = notebook.checkpoint(BOUNDS);
    // A thread that has ended can't be woken.
    let (wake, woken) = mpsc::sync_channel(1);
    let (stop, stopped) = mpsc::sync_channel(1);
    drop((woken, stop));
    checkpoint.wake = Some(wake);
    checkpoint.stopped = stopped;
    for _ in 0..100 {
        notebook.note();
        notebook.advance(&mut checkpoint);
    }
    assert!(notebook.length().log <= BOUNDS.most);
}
