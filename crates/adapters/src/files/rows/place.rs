//! Places: where a record stands in its text.

use std::fs::File;
use std::io::{self, BufReader};

/// Where a record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// The line it begins on, counted from 1.
    pub(super) line: u64,
    /// The line it ends on.
    pub(super) last_line: u64,
    /// The byte of the file it begins at.
    pub(super) offset: u64,
    /// How many bytes it has, its line end included.
    pub(super) bytes: u64,
    /// Whether a line end ends it, and not the end of the text.
    pub(super) whole: bool,
}

/// Moves a reader whose position is `at` to another position. A short way costs no read.
pub(super) fn seek(text: &mut BufReader<File>, at: &mut u64, to: u64) -> io::Result<()> {
    if *at != to {
        // Files end far below 2^63 bytes, so the difference wraps to the right negative number.
        text.seek_relative(to.wrapping_sub(*at).cast_signed())?;
        *at = to;
    }
    Ok(())
}
