//! The binding of a file to its log: how a file is known that lies without its log, or beside another's.
//!
//! SQLite replays any log that lies beside a file, and takes a file without one for complete. So the file says what
//! belongs to it. While it is in use, its header names the generation of its log (in `user_version`, which each
//! connection may write and SQLite does not use). The last connection that closes it turns the log off
//! (`journal_mode = DELETE`): then the file is complete by itself and says so.
//!
//! A log restarts only when all of it is in the file, and its generation then rises by one. So the log that belongs to
//! a file is of the generation that the file names, or of the next.

use std::fs::File;
use std::io;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::{RunQueryDsl, SqliteConnection};

use super::super::error::OpenError;
use super::super::statement::statement;
use super::header::{DatabaseStart, LogHeader};
use super::log::copy;
use super::paths::log_of;

/// How often the two headers are read while another process changes them. Each change takes it thousands of commits.
const MAX_READS: usize = 16;

/// Of which generation the log beside a file is; `None`: there is no log, or nothing in it.
fn generation(log: &Path) -> io::Result<Option<u32>> {
    match File::open(log) {
        Ok(log) => Ok(LogHeader::read(&log)?.map(|header| header.salts.generation)),
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

/// Checks, before SQLite reads it, that the log beside a file is the file's.
///
/// # Errors
/// [`OpenError::LogMissing`] and [`OpenError::ForeignLog`]; or the files can't be read.
pub(in crate::sqlite) fn check_log(path: &Path, file: &File) -> Result<(), OpenError> {
    let unreachable = |why: io::Error| OpenError::Unreachable {
        path: path.to_owned(),
        why: why.to_string(),
    };
    let mut before = None;
    for _ in 0..MAX_READS {
        let generation = generation(&log_of(path)).map_err(unreachable)?;
        let start = DatabaseStart::read(file).map_err(unreachable)?;
        let fault = match (start, generation) {
            (DatabaseStart::Header(header), None) if header.has_log && header.bound_to != 0 => {
                OpenError::LogMissing(path.to_owned())
            }
            (DatabaseStart::Header(header), Some(generation)) => {
                let bound = header.bound_to;
                let in_use = header.has_log;
                if in_use && (bound == 0 || bound == generation || bound.wrapping_add(1) == generation) {
                    return Ok(());
                }
                OpenError::ForeignLog(path.to_owned())
            }
            (DatabaseStart::Empty, Some(_)) => OpenError::ForeignLog(path.to_owned()),
            _ => return Ok(()),
        };
        // Another process may have changed one of them meanwhile.
        if before == Some((start, generation)) {
            return Err(fault);
        }
        before = Some((start, generation));
    }
    Ok(())
}

/// Binds a file to its log, and has the file say so on the disk.
pub(in crate::sqlite) fn bind(connection: &mut SqliteConnection, path: &Path, file: &File) -> Result<(), OpenError> {
    let unreachable = |why: &dyn std::fmt::Display| OpenError::Unreachable {
        path: path.to_owned(),
        why: why.to_string(),
    };
    let log = log_of(path);
    let mut current = generation(&log).map_err(|why| unreachable(&why))?;
    if current.is_none() {
        // The first commit gives the log its header.
        name(connection, 0).map_err(|why| unreachable(&why))?;
        current = generation(&log).map_err(|why| unreachable(&why))?;
    }
    let current = current.ok_or_else(|| unreachable(&"a commit left nothing in its log"))?;
    if bound_to(connection).map_err(|why| unreachable(&why))? != current {
        name(connection, current)
            .and_then(|()| copy(connection))
            .map_err(|why| unreachable(&why))?;
        file.sync_data().map_err(|why| unreachable(&why))?;
    }
    Ok(())
}

/// Binds the file, in use, to the generation that its log has now.
pub(in crate::sqlite) fn bind_to(connection: &mut SqliteConnection, generation: u32) -> QueryResult<()> {
    if bound_to(connection)? == generation {
        return Ok(());
    }
    name(connection, generation)
}

/// Turns the log off, when no other connection is open: then the file is complete by itself. `unbind`: before that the
/// binding is taken back. SQLite removes the log first and has the file say so then, and a process may end in between;
/// and where the log can't be turned off, because other programs are connected, the last of them may leave none.
pub(super) fn release(connection: &mut SqliteConnection, unbind: bool) -> QueryResult<()> {
    // Nobody is waited for at the end.
    connection.batch_execute("PRAGMA busy_timeout = 0")?;
    let unbound = if unbind && bound_to(connection)? != 0 {
        name(connection, 0).and_then(|()| copy(connection).map(drop))
    } else {
        Ok(())
    };
    match connection.batch_execute("PRAGMA journal_mode = DELETE") {
        Ok(()) => Ok(()),
        Err(_) => unbound,
    }
}

/// The generation that the file names, its log included.
fn bound_to(connection: &mut SqliteConnection) -> QueryResult<u32> {
    let named: i64 = statement::<BigInt>("PRAGMA user_version").get_result(connection)?;
    // The number is signed there.
    Ok(named
        .to_le_bytes()
        .first_chunk()
        .map_or(0, |low| u32::from_le_bytes(*low)))
}

/// Has the file name a generation, in a commit of its own.
fn name(connection: &mut SqliteConnection, generation: u32) -> QueryResult<()> {
    // By hand: a PRAGMA takes no bound value.
    connection.batch_execute(&format!("PRAGMA user_version = {}", generation.cast_signed()))
}
