//! The files of a database as they are at one instant, copied while others write (docs/adr/0059).
//!
//! A connection that reads keeps the log from restarting: until it has read, what gets into the file is in the log, too,
//! and stays there. So the file is copied first, however many of its pages change meanwhile, and then the log, which has
//! every page that did. SQLite makes one of the two, as after a crash: up to the last commit that is whole in the log.
//!
//! A connection that reads a file whose log has been copied to its end keeps the file from being changed instead, and the
//! log may restart. Half of the log before and half of the one after are neither: then the log is copied again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use diesel::connection::SimpleConnection;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Text};
use diesel::{RunQueryDsl, SqliteConnection};

use super::file::{FileConnection, LogHeader, MODE, log_of};
use super::statement::statement;

/// How much is copied at a time, in bytes. Each piece is on the disk before the next is read: a commit of the service that
/// has to be written to the same disk waits for one at most.
const PIECE: usize = 1 << 20;

/// How often the log is copied. While it is read it restarts once at most.
const MAX_COPIES: usize = 4;

/// Why the files were not copied.
#[derive(Debug, thiserror::Error)]
pub(super) enum SnapshotError {
    /// SQLite refuses.
    #[error(transparent)]
    Sqlite(#[from] diesel::result::Error),
    /// The system refuses.
    #[error(transparent)]
    File(#[from] io::Error),
    /// It is changed in a way that SQLite does not change it.
    #[error("its log began anew each time that it was copied")]
    Restless,
    /// The copy can't be used without its log.
    #[error("the log of the copy can't be turned off: it is in the mode {0:?}")]
    LogStays(String),
    /// The copy has pages that do not belong together.
    #[error("the copy is damaged, and so is probably the database: {0}")]
    Damaged(String),
}

/// Copies a file and its log into a file that is empty, and one beside it.
pub(super) fn copy_files(
    source: &mut FileConnection,
    path: &Path,
    target: &File,
    copy: &Path,
) -> Result<(), SnapshotError> {
    let log = log_of(copy);
    // One that another copy has left would be taken for this one's.
    match fs::remove_file(&log) {
        Err(why) if why.kind() != ErrorKind::NotFound => return Err(why.into()),
        _ => {}
    }
    let file = Arc::clone(source.file());
    source.batch_execute("BEGIN")?;
    let copied = take(source)
        .map_err(SnapshotError::from)
        .and_then(|_| Ok(copy_pieces(&file, target)?))
        .and_then(|()| copy_log(&log_of(path), &log));
    source.batch_execute("COMMIT")?;
    copied
}

/// Takes the snapshot of a transaction, as its first question does.
fn take(connection: &mut SqliteConnection) -> QueryResult<i64> {
    statement::<BigInt>("SELECT count(*) FROM sqlite_schema").get_result(connection)
}

fn copy_log(from: &Path, to: &Path) -> Result<(), SnapshotError> {
    for _ in 0..MAX_COPIES {
        let log = match File::open(from) {
            Err(none) if none.kind() == ErrorKind::NotFound => return Ok(()),
            opened => opened?,
        };
        let Some(before) = LogHeader::read(&log)? else {
            return Ok(());
        };
        let mut make = OpenOptions::new();
        let copy = make.write(true).create(true).truncate(true).mode(MODE).open(to)?;
        copy_pieces(&log, &copy)?;
        if LogHeader::read(&log)?.is_some_and(|after| after.salts == before.salts) {
            return Ok(());
        }
        fs::remove_file(to)?;
    }
    Err(SnapshotError::Restless)
}

/// Copies to the end of a file, wherever that is by then.
fn copy_pieces(from: &File, to: &File) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    loop {
        let length = match from.read_at(&mut piece, at) {
            Err(again) if again.kind() == ErrorKind::Interrupted => continue,
            Ok(0) => return Ok(()),
            read => read?,
        };
        to.write_all_at(&piece[..length], at)?;
        to.sync_data()?;
        at = at.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    }
}

/// Makes one of a file and its log: it is complete without one then, and nobody looks for another.
pub(super) fn complete(copy: &mut SqliteConnection) -> Result<(), SnapshotError> {
    // By hand, as every PRAGMA: the builder has none.
    let mode: String = statement::<Text>("PRAGMA journal_mode = DELETE").get_result(copy)?;
    if mode != "delete" {
        return Err(SnapshotError::LogStays(mode));
    }
    Ok(())
}

/// Looks at the pages of a copy: they were copied, and nobody has read them.
pub(super) fn check_pages(copy: &mut SqliteConnection) -> Result<(), SnapshotError> {
    let found: Vec<String> = statement::<Text>("PRAGMA quick_check(1)").load(copy)?;
    if found != ["ok"] {
        return Err(SnapshotError::Damaged(found.join("; ")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;

    use super::super::connection::Address;
    use super::super::file::{Salts, copy, create};
    use super::*;

    fn count(connection: &mut SqliteConnection, question: &'static str) -> i64 {
        statement::<BigInt>(question).get_result(connection).expect("an answer")
    }

    fn salts(path: &Path) -> Salts {
        let log = File::open(log_of(path)).expect("a log");
        LogHeader::read(&log).expect("it is read").expect("a header").salts
    }

    /// Two tables that each commit changes alike, on pages all over the file.
    const TABLES: &str = "CREATE TABLE one (id INTEGER PRIMARY KEY, turn INTEGER NOT NULL, padding TEXT NOT NULL); \
         CREATE TABLE two (id INTEGER PRIMARY KEY, turn INTEGER NOT NULL, padding TEXT NOT NULL); \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) \
         INSERT INTO one SELECT i, 0, printf('%.1500c', 'x') FROM n; INSERT INTO two SELECT * FROM one";

    const TURN: &str = "BEGIN IMMEDIATE; UPDATE one SET turn = turn + 1 WHERE id % 7 = (SELECT max(turn) FROM one) % 7; \
         UPDATE one SET turn = (SELECT max(turn) FROM one); UPDATE two SET turn = (SELECT max(turn) FROM one); \
         INSERT INTO two SELECT max(id) + 1, max(turn), printf('%.9000c', 'y') FROM two; COMMIT";

    #[test]
    fn copies_of_a_file_that_changes_and_whose_log_restarts_are_each_of_one_instant() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("busy.db");
        let address = Address::new(&path).expect("an address");
        let mut writer = address.open_writer().expect("it opens");
        writer.batch_execute(TABLES).expect("tables");
        let done = AtomicBool::new(false);
        let before = salts(&path);
        thread::scope(|scope| {
            scope.spawn(|| {
                // Bounded: a case that fails waits for this thread.
                for _ in 0..10_000 {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    writer.batch_execute(TURN).expect("stored");
                    // The log restarts as often as it can.
                    copy(&mut writer).expect("copied");
                }
            });
            for number in 0..25 {
                let at = Address::new(&folder.path().join(format!("copy-{number}"))).expect("an address");
                let target = create(at.path()).expect("it is made").expect("it is new");
                let mut source = address.open_plain().expect("it opens");
                copy_files(&mut source, &path, &target, at.path()).expect("copied");
                drop(source);
                let mut copied = at.open_plain().expect("it opens");
                complete(&mut copied).expect("sound");
                assert!(!log_of(at.path()).exists());
                // Of one commit: neither of two, nor of a part of one.
                let turns = "SELECT count(*) FROM (SELECT turn FROM one UNION SELECT turn FROM two)";
                let rows = "SELECT count(*) - 500 - max(turn) FROM two";
                assert_eq!((count(&mut copied, turns), count(&mut copied, rows)), (1, 0));
                drop(copied);
                fs::remove_file(at.path()).expect("removed");
            }
            done.store(true, Ordering::Relaxed);
        });
        assert_ne!(
            before,
            salts(&path),
            "the log has restarted: else the case proves little"
        );
    }
}
