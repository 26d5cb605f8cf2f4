//! Output: results on standard output, messages on standard error.
//!
//! Standard output carries results only, so that it can be piped; a failed write there is an error like any other.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes one line of a result to standard output.
///
/// # Errors
/// When standard output is closed or full.
pub(crate) fn print(line: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    // The reader of a pipe may be waiting for this line, for example for the address of the service.
    out.flush()
}

/// Writes one line of a message to standard error.
pub(crate) fn eprint(line: impl Display) {
    // When standard error is closed, there is no other place to report it.
    drop(writeln!(io::stderr().lock(), "{line}"));
}
