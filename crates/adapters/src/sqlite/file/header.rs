//! The headers of the two files, as SQLite's file format lays them down: <https://www.sqlite.org/fileformat2.html>.
//!
//! They are read without SQLite, because SQLite shows the file only together with whatever log lies beside it.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

/// The `application_id` of a file with Earmark's tables: "Earm". The baseline migration sets it.
pub(in crate::sqlite) const APPLICATION_ID: u32 = 0x4561_726D;

/// The bytes before the first page of a log.
const LOG_HEADER: u64 = 32;

/// The bytes before each page in a log.
const FRAME_HEADER: u64 = 24;

/// What a file that should be a database begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sqlite) enum DatabaseStart {
    /// Nothing: a database without tables.
    Empty,
    /// The header of a database.
    Header(DatabaseHeader),
    /// Something else.
    Foreign,
}

/// What the header of a database says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sqlite) struct DatabaseHeader {
    /// Whether commits go to a log: then the file may be incomplete without it.
    pub(in crate::sqlite) has_log: bool,
    /// Rises with each change of the tables' definitions, VACUUM included; 0: there is no table.
    pub(in crate::sqlite) schema_version: u32,
    /// The log that the file is bound to; 0: none. See [`binding`](super::binding).
    pub(in crate::sqlite) bound_to: u32,
    /// Which program's file it is.
    pub(in crate::sqlite) application_id: u32,
}

impl DatabaseStart {
    /// Reads the beginning of a database, as it is in the file.
    pub(in crate::sqlite) fn read(file: &File) -> io::Result<Self> {
        let mut bytes = [0; 100];
        if file.metadata()?.len() == 0 {
            return Ok(Self::Empty);
        }
        if !is_read(file.read_exact_at(&mut bytes, 0))? || !bytes.starts_with(b"SQLite format 3\0") {
            return Ok(Self::Foreign);
        }
        Ok(Self::Header(DatabaseHeader {
            has_log: bytes[19] == 2,
            schema_version: number(&bytes, 40),
            bound_to: number(&bytes, 60),
            application_id: number(&bytes, 68),
        }))
    }
}

/// The two salts of a log. Each time the log restarts, the first rises by one and the second is drawn anew; each page in
/// the log carries both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sqlite) struct Salts {
    /// Rises by one with each restart; the first is random.
    pub(in crate::sqlite) generation: u32,
    random: u32,
}

/// What the header of a log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sqlite) struct LogHeader {
    page_size: u32,
    pub(in crate::sqlite) salts: Salts,
    /// Whether the checksums take numbers with the highest byte first.
    highest_first: bool,
    checksum: Checksum,
}

/// A checksum of the log up to some place. It goes on from page to page, so each is checked with the one before.
type Checksum = (u32, u32);

impl LogHeader {
    /// Reads the header of a log; `None`: it has none, and so no page either.
    pub(in crate::sqlite) fn read(log: &File) -> io::Result<Option<Self>> {
        const MAGIC: u32 = 0x377F_0682;
        let Some(bytes) = read_at::<32>(log, 0)? else {
            return Ok(None);
        };
        // The last bit says in which order the checksums take the bytes.
        if number(&bytes, 0) & !1 != MAGIC {
            return Ok(None);
        }
        Ok(Some(Self {
            page_size: number(&bytes, 8),
            salts: Salts {
                generation: number(&bytes, 16),
                random: number(&bytes, 20),
            },
            highest_first: number(&bytes, 0) & 1 == 1,
            checksum: (number(&bytes, 24), number(&bytes, 28)),
        }))
    }

    /// Reads the page with this number, from 1 on, with what the log says of it. `false`: the log ends before.
    pub(in crate::sqlite) fn read_page(&self, log: &File, page: u64, bytes: &mut Vec<u8>) -> io::Result<bool> {
        let (Some(at), Ok(length)) = (self.place_of(page), usize::try_from(self.bytes_per_page())) else {
            return Ok(false);
        };
        bytes.resize(length, 0);
        is_read(log.read_exact_at(bytes, at))
    }

    /// Whether a page that was read is the one with this number, from 1 on, and whole.
    pub(in crate::sqlite) fn is_whole(&self, log: &File, page: u64, bytes: &[u8]) -> io::Result<bool> {
        let before = match page {
            1 => Some(self.checksum),
            later => match later.checked_sub(1).and_then(|before| self.place_of(before)) {
                Some(at) => read_at::<24>(log, at)?.map(|bytes| checksum_in(&bytes)),
                None => None,
            },
        };
        let Some(before) = before else {
            return Ok(false);
        };
        let salts = Salts {
            generation: number(bytes, 8),
            random: number(bytes, 12),
        };
        let sum = self.sum(self.sum(before, &bytes[..8]), &bytes[24..]);
        Ok(salts == self.salts && sum == checksum_in(bytes))
    }

    fn bytes_per_page(&self) -> u64 {
        FRAME_HEADER + u64::from(self.page_size)
    }

    /// Where the page with this number begins; `None`: there is no such number.
    fn place_of(&self, page: u64) -> Option<u64> {
        let before = page.checked_sub(1)?.checked_mul(self.bytes_per_page())?;
        LOG_HEADER.checked_add(before)
    }

    /// The checksum after some more bytes, a multiple of eight.
    fn sum(&self, before: Checksum, bytes: &[u8]) -> Checksum {
        let word = |bytes: &[u8; 4]| match self.highest_first {
            true => u32::from_be_bytes(*bytes),
            false => u32::from_le_bytes(*bytes),
        };
        let (words, _) = bytes.as_chunks::<4>();
        let (pairs, _) = words.as_chunks::<2>();
        pairs.iter().fold(before, |(first, second), [a, b]| {
            let first = first.wrapping_add(word(a)).wrapping_add(second);
            (first, second.wrapping_add(word(b)).wrapping_add(first))
        })
    }
}

/// The checksum that the log has with a page.
fn checksum_in(page: &[u8]) -> Checksum {
    (number(page, 16), number(page, 20))
}

/// Whether everything was read; `false`: the file ends before.
fn is_read(read: io::Result<()>) -> io::Result<bool> {
    match read {
        Ok(()) => Ok(true),
        Err(short) if short.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(why) => Err(why),
    }
}

/// Reads so many bytes; `None`: the file ends before.
fn read_at<const BYTES: usize>(file: &File, at: u64) -> io::Result<Option<[u8; BYTES]>> {
    let mut bytes = [0; BYTES];
    Ok(is_read(file.read_exact_at(&mut bytes, at))?.then_some(bytes))
}

/// A number of four bytes, the highest first.
fn number(bytes: &[u8], at: usize) -> u32 {
    bytes[at..at + 4]
        .iter()
        .fold(0, |number, byte| number << 8 | u32::from(*byte))
}
