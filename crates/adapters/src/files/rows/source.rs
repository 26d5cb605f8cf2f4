//! Sources: bytes, unpacked, with their format.

use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;

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
    pub(super) format: Format,
}

/// Makes a source from bytes: unpacks gzip, recognised by its first bytes and not by the name; drops a byte order mark;
/// and determines the format. That is the given one, else the one in the name, else NDJSON if the first character is a
/// brace, else CSV.
///
/// # Errors
/// When the first bytes can't be read.
pub fn open(bytes: impl Read + Send + 'static, name: Option<&Path>, format: Option<Format>) -> io::Result<Source> {
    let (head, bytes) = peek::<{ GZIP_MAGIC.len() }>(bytes)?;
    let text: Box<dyn Read + Send> = if head == GZIP_MAGIC {
        Box::new(MultiGzDecoder::new(bytes))
    } else {
        Box::new(bytes)
    };

    let (mark, mut text) = peek::<{ BYTE_ORDER_MARK.len() }>(text)?;
    if mark == BYTE_ORDER_MARK {
        text.read_exact(&mut [0; BYTE_ORDER_MARK.len()])?;
    }
    let (first, text) = peek::<1>(text)?;
    let format = format
        .or_else(|| name.and_then(Format::of_name))
        .unwrap_or(if first == b"{" { Format::Ndjson } else { Format::Csv });
    Ok(Source {
        text: Box::new(text),
        format,
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
