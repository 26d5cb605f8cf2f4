//! The guard: whether what SQLite has open is still what lies on the disk.
//!
//! A process goes on writing to a file that was deleted, and what it stores there is gone when it ends. Pages that a
//! file has lost come back as zeros when the file grows again. So the files are looked at after each commit, before the
//! commit is acknowledged: it costs a few system calls for each group of commands.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use diesel::result::QueryResult;
use diesel::sql_types::BigInt;
use diesel::{RunQueryDsl, SqliteConnection};
use earmark_application::StoreError;

use super::super::error::{OpenError, store_error};
use super::super::statement::statement;
use super::header::{LogHeader, Salts};
use super::held_file::Identity;
use super::log::{LogLength, length};
use super::paths::{log_index_of, log_of};

/// How often the log is compared with its length while another process lets it restart. It can't restart again before it
/// has grown by thousands of pages.
const MAX_READS: usize = 8;

/// What was found in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::sqlite) struct Checked {
    /// The length of the log.
    pub(in crate::sqlite) length: LogLength,
    /// The generation of the log; `None`: it has no page.
    pub(in crate::sqlite) generation: Option<u32>,
}

/// Looks after the files of a database that is open. Shared by all that use it.
pub(in crate::sqlite) struct FileGuard {
    path: PathBuf,
    /// The database, its log and the index of the log, as they were opened.
    opened: [(PathBuf, Identity); 3],
    file: Arc<File>,
    log: File,
    seen: Mutex<Seen>,
    /// Why the files can't be trusted any more. There is no way back but a new start.
    lost: OnceLock<String>,
}

/// The state that was found last.
#[derive(Debug)]
struct Seen {
    /// Bytes of the database.
    size: u64,
    /// Rises when VACUUM makes the database smaller.
    schema_version: i64,
    /// The page that was the last of the log.
    last_page: Option<LastPage>,
    /// Room for a page, kept from check to check.
    room: Vec<u8>,
}

/// A page that was the last of the log.
#[derive(Debug)]
struct LastPage {
    salts: Salts,
    number: u64,
    /// The page as it was. No commit changes it before the log restarts.
    bytes: Vec<u8>,
}

/// Why a check did not find everything in order.
enum Fault {
    /// A sentence: what happened to the files.
    Lost(String),
    /// The check itself failed.
    Unchecked(StoreError),
}

impl From<io::Error> for Fault {
    fn from(why: io::Error) -> Self {
        Self::Unchecked(StoreError::Unavailable(format!(
            "the SQLite file can't be looked at: {why}"
        )))
    }
}

impl From<diesel::result::Error> for Fault {
    fn from(why: diesel::result::Error) -> Self {
        Self::Unchecked(store_error(why))
    }
}

impl FileGuard {
    /// Begins to guard the files of a connection whose file is bound to its log.
    pub(in crate::sqlite) fn new(
        path: &Path,
        file: &Arc<File>,
        connection: &mut SqliteConnection,
    ) -> Result<Self, OpenError> {
        let opened = |path: PathBuf| -> io::Result<_> {
            let identity = Identity::of(&path.metadata()?);
            Ok((path, identity))
        };
        let start = |connection| -> io::Result<Self> {
            Ok(Self {
                path: path.to_owned(),
                opened: [
                    opened(path.to_owned())?,
                    opened(log_of(path))?,
                    opened(log_index_of(path))?,
                ],
                log: File::open(log_of(path))?,
                seen: Mutex::new(Seen {
                    size: file.metadata()?.len(),
                    schema_version: schema_version(connection).map_err(io::Error::other)?,
                    last_page: None,
                    room: Vec::new(),
                }),
                file: Arc::clone(file),
                lost: OnceLock::new(),
            })
        };
        start(connection).map_err(|why| OpenError::Unreachable {
            path: path.to_owned(),
            why: why.to_string(),
        })
    }

    /// Whether the files were in order when they were looked at last.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with what happened to them.
    pub(in crate::sqlite) fn sound(&self) -> Result<(), StoreError> {
        match self.lost.get() {
            None => Ok(()),
            Some(why) => Err(StoreError::Unavailable(why.clone())),
        }
    }

    /// Looks at the files, by a connection to them that is in no transaction. Once they are not in order, they never are
    /// again.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with what happened to them.
    pub(in crate::sqlite) fn check(&self, connection: &mut SqliteConnection) -> Result<Checked, StoreError> {
        self.sound()?;
        match self.look(connection) {
            Ok(checked) => Ok(checked),
            Err(Fault::Unchecked(why)) => Err(why),
            Err(Fault::Lost(what)) => {
                let why = self.lost.get_or_init(|| {
                    let why = format!(
                        "{what}; nothing more is stored: stop the service, put the database and its log back as they \
                         were or restore a backup, and start it again"
                    );
                    tracing::error!(%why, "the SQLite file was damaged while it was in use");
                    why
                });
                Err(StoreError::Unavailable(why.clone()))
            }
        }
    }

    fn look(&self, connection: &mut SqliteConnection) -> Result<Checked, Fault> {
        for (path, opened) in &self.opened {
            let path_text = path.display();
            match path.metadata() {
                Ok(there) if Identity::of(&there) == *opened => {}
                Ok(_) => {
                    return Err(Fault::Lost(format!(
                        "another file took the place of {path_text} while it was in use"
                    )));
                }
                Err(why) if why.kind() == io::ErrorKind::NotFound => {
                    return Err(Fault::Lost(format!("{path_text} was removed while it was in use")));
                }
                Err(why) => return Err(why.into()),
            }
        }
        // No code in here panics half way.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let size = self.file.metadata()?.len();
        if size < seen.size {
            let schema_version = schema_version(connection)?;
            if schema_version == seen.schema_version {
                let path = self.path.display();
                return Err(Fault::Lost(format!("{path} was cut short while it was in use")));
            }
            seen.schema_version = schema_version;
        }
        seen.size = size;
        for _ in 0..MAX_READS {
            let length = length(connection)?;
            if self.log_is_whole(length, &mut seen)? {
                return Ok(Checked {
                    length,
                    generation: seen.last_page.as_ref().map(|page| page.salts.generation),
                });
            }
        }
        let log = &self.opened[1].0;
        Err(Fault::Lost(format!(
            "the log {} has lost commits while it was in use",
            log.display()
        )))
    }

    /// Whether a log of this length has its last page, and the page that was its last before: a log that was cut short
    /// and has grown again lacks that one.
    fn log_is_whole(&self, length: LogLength, seen: &mut Seen) -> io::Result<bool> {
        let pages = u64::try_from(length.log).unwrap_or_default();
        if pages == 0 {
            seen.last_page = None;
            return Ok(true);
        }
        let Some(header) = LogHeader::read(&self.log)? else {
            return Ok(false);
        };
        let Seen { last_page, room, .. } = seen;
        if let Some(before) = last_page
            && before.salts == header.salts
            && before.number <= pages
        {
            // It was whole, so it only has to be the same: a checksum of it costs ten times as much.
            if !header.read_page(&self.log, before.number, room)? || *room != before.bytes {
                return Ok(false);
            }
            if before.number == pages {
                return Ok(true);
            }
        }
        if !header.read_page(&self.log, pages, room)? || !header.is_whole(&self.log, pages, room)? {
            return Ok(false);
        }
        let last = last_page.get_or_insert_with(|| LastPage {
            salts: header.salts,
            number: pages,
            bytes: Vec::new(),
        });
        (last.salts, last.number) = (header.salts, pages);
        std::mem::swap(&mut last.bytes, room);
        Ok(true)
    }
}

/// Rises with each change of the tables' definitions, VACUUM included.
fn schema_version(connection: &mut SqliteConnection) -> QueryResult<i64> {
    // By hand, as every PRAGMA: the builder has none.
    statement::<BigInt>("PRAGMA schema_version").get_result(connection)
}
