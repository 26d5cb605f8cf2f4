//! Sources: bytes, unpacked, with their format.

use std::io::{self, BufRead, BufReader, Cursor, Read, Write};
use std::path::Path;

use super::gzip::GzipMembers;
use crate::files::format::Format;

/// The first bytes of a gzip stream.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What some spreadsheets write before the first character of a UTF-8 file.
const BYTE_ORDER_MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// How many bytes are read at once: enough that system calls cost little beside parsing.
const BUFFER_BYTES: usize = 64 * 1024;

/// Text to read rows from.
pub struct Source {
    pub(super) text: Box<dyn BufRead + Send>,
    pub(super) shape: Shape,
    packed: bool,
}

/// How rows stand in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// The format of the rows.
    pub format: Format,
    /// The byte that the text begins at: behind a byte order mark, if there is one.
    pub begins_at: u64,
    /// Whether a last row without a line end may be the beginning of one.
    pub may_break_off: bool,
}

impl Source {
    /// How its rows stand in it.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Whether its bytes are packed, so that a row can't be found in them by its place in the text.
    #[must_use]
    pub const fn is_packed(&self) -> bool {
        self.packed
    }

    /// The same source, whose bytes come from a pipe. A program that dies while it writes a row leaves its beginning,
    /// and `O-1,LAMP,10` without its last byte is a row as well: only a line end proves that a row is whole. The end of
    /// packed text is proved by its checksum.
    #[must_use]
    pub const fn from_pipe(mut self) -> Self {
        self.shape.may_break_off = !self.packed;
        self
    }

    /// The same text, which is also written to `copy` while it is read.
    #[must_use]
    pub fn copied_to(self, copy: impl Write + Send + 'static) -> Self {
        let copying = Copying { text: self.text, copy };
        Self {
            text: Box::new(BufReader::with_capacity(BUFFER_BYTES, copying)),
            shape: Shape {
                begins_at: 0,
                ..self.shape
            },
            packed: false,
        }
    }
}

/// Makes a source from bytes: unpacks gzip, recognised by its first bytes and not by the name; drops a byte order mark;
/// and determines the format. That is the given one, else the one in the name, else NDJSON if the first character is a
/// brace, else CSV.
///
/// # Errors
/// When the first bytes can't be read.
pub fn open(bytes: impl Read + Send + 'static, name: Option<&Path>, format: Option<Format>) -> io::Result<Source> {
    let (head, bytes) = peek::<{ GZIP_MAGIC.len() }>(bytes)?;
    let packed = head == GZIP_MAGIC;
    let text: Box<dyn Read + Send> = if packed {
        Box::new(GzipMembers::new(bytes))
    } else {
        Box::new(bytes)
    };

    let (mark, mut text) = peek::<{ BYTE_ORDER_MARK.len() }>(text)?;
    let mut begins_at = 0;
    if mark == BYTE_ORDER_MARK {
        text.read_exact(&mut [0; BYTE_ORDER_MARK.len()])?;
        begins_at = BYTE_ORDER_MARK.len() as u64;
    }
    let (first, text) = peek::<1>(text)?;
    let format = format
        .or_else(|| name.and_then(Format::of_name))
        .unwrap_or(if first == b"{" { Format::Ndjson } else { Format::Csv });
    Ok(Source {
        text: Box::new(text),
        shape: Shape {
            format,
            begins_at,
            may_break_off: false,
        },
        packed,
    })
}

/// Reads the first bytes, fewer if there are no more, and returns them with a reader that still has them.
fn peek<const N: usize>(mut bytes: impl Read + Send) -> io::Result<(Vec<u8>, impl BufRead + Send)> {
    let mut head = Vec::with_capacity(N);
    // A pipe may return one byte at a time; `read_to_end` goes on until it has them all.
    bytes.by_ref().take(N as u64).read_to_end(&mut head)?;
    Ok((
        head.clone(),
        BufReader::with_capacity(BUFFER_BYTES, Cursor::new(head).chain(bytes)),
    ))
}

/// Text of which a copy is written while it is read.
struct Copying<R, W> {
    text: R,
    copy: W,
}

impl<R: Read, W: Write> Read for Copying<R, W> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.text.read(into)?;
        let copied = match read {
            0 => self.copy.flush(),
            read => self.copy.write_all(&into[..read]),
        };
        copied.map_err(|error| io::Error::new(error.kind(), format!("can't keep a copy of the text: {error}")))?;
        Ok(read)
    }
}
