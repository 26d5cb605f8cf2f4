//! Output: what commands say on standard output, and what they tell people on standard error.
//!
//! Standard output carries results alone, so that it can be piped; a failed write is an error like any other.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes one line of a result.
pub(crate) fn say(line: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    // A reader on a pipe should have the line now: it may be the address that it waits for.
    out.flush()
}

/// Tells people something on standard error.
pub(crate) fn tell(line: impl Display) {
    // Where standard error is gone there is nobody left to be told so.
    drop(writeln!(io::stderr().lock(), "{line}"));
}
