use std::path::PathBuf;

use diesel::connection::SimpleConnection;
use tempfile::TempDir;

use super::*;

/// Small enough that a test writes many times as much.
const BOUNDS: LogBounds = LogBounds {
    copied_from: 64,
    left_over: 8,
    most: 256,
};

/// Nothing is ever copied before the end.
const NEVER: LogBounds = LogBounds {
    copied_from: i64::MAX,
    left_over: 0,
    most: i64::MAX,
};

/// More pages than a commit of [`Book::note`] changes.
const A_COMMIT: i64 = 16;

/// A file with a table, and one who writes to it.
struct Book {
    folder: TempDir,
    writer: SqliteConnection,
}

impl Book {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let address = Address::new(&folder.path().join("book.db")).expect("an address");
        let mut writer = address.open_writer().expect("the file opens");
        writer
            .batch_execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, note TEXT NOT NULL)")
            .expect("a table");
        Self { folder, writer }
    }

    fn address(&self) -> Address {
        Address::new(&self.folder.path().join("book.db")).expect("an address")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("book.db-wal")
    }

    /// A commit that changes some pages.
    fn note(&mut self) {
        self.writer
            .batch_execute("INSERT INTO notes (note) VALUES (printf('%.30000c', 'x'))")
            .expect("stored");
    }

    fn length(&mut self) -> Length {
        look(&mut self.writer).expect("a length")
    }
}

#[test]
fn no_commit_puts_the_log_into_the_file_nor_does_a_look() {
    let mut book = Book::new();
    let mut log = Log::start(&book.address(), NEVER).expect("a thread");
    for _ in 0..400 {
        book.note();
        log.tend(&mut book.writer);
    }
    let length = book.length();
    assert!(length.log > 2_000, "{length:?}");
    assert_eq!(length.copied, 0);
}

#[test]
fn the_log_stays_within_its_bound_however_much_is_written() {
    let mut book = Book::new();
    let mut log = Log::start(&book.address(), BOUNDS).expect("a thread");
    let mut longest = 0;
    for _ in 0..300 {
        book.note();
        longest = longest.max(book.length().log);
        log.tend(&mut book.writer);
    }
    // The other thread is woken at the bound at the latest, and waited for after the next commit.
    assert!(longest <= BOUNDS.most + 2 * A_COMMIT, "{longest}");
    let bytes = std::fs::metadata(book.log_file()).expect("a log").len();
    assert!(bytes < 2_000_000, "{bytes} after 9 MB were written");
}

#[test]
fn who_reads_an_old_state_is_not_waited_for_and_the_log_begins_anew_when_they_have_done() {
    let mut book = Book::new();
    let mut log = Log::start(&book.address(), BOUNDS).expect("a thread");
    book.note();
    let mut reader = book.address().open_plain().expect("the file opens");
    reader
        .batch_execute("BEGIN; SELECT count(*) FROM notes")
        .expect("a state to read");
    for _ in 0..100 {
        book.note();
        log.tend(&mut book.writer);
    }
    assert!(
        book.length().log > BOUNDS.most,
        "the reader needs the pages in the file"
    );
    reader.batch_execute("COMMIT").expect("done");
    for _ in 0..100 {
        book.note();
        log.tend(&mut book.writer);
    }
    assert!(book.length().log <= BOUNDS.most + 2 * A_COMMIT);
}

#[test]
fn at_the_end_the_whole_log_is_in_the_file() {
    let mut book = Book::new();
    let log = Log::start(&book.address(), NEVER).expect("a thread");
    for _ in 0..10 {
        book.note();
    }
    log.close(book.address().open_writer().expect("the file opens"));
    let length = book.length();
    assert!(length.log > 0);
    assert_eq!(length.copied, length.log);
}

#[test]
fn the_writer_copies_alone_when_nobody_else_does() {
    let mut book = Book::new();
    let mut log = Log::start(&book.address(), BOUNDS).expect("a thread");
    // A thread that has ended can't be woken.
    let (wake, woken) = mpsc::sync_channel(1);
    let (stop, stopped) = mpsc::sync_channel(1);
    drop((woken, stop));
    log.wake = Some(wake);
    log.stopped = stopped;
    for _ in 0..100 {
        book.note();
        log.tend(&mut book.writer);
    }
    assert!(book.length().log <= BOUNDS.most);
}
