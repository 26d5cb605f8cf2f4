//! Asking whether something is to be done.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::failure::Failure;

/// Whether somebody at the terminal agrees to what was shown. No answer is no.
///
/// # Errors
/// When nobody can be asked.
pub(super) fn agreed() -> Result<bool, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Err(Failure::Usage(
            "nothing was done, since there is no terminal to ask at: --yes does it without asking".to_owned(),
        ));
    }
    let unasked = |error: io::Error| Failure::Failed(format!("nothing was done, since nobody could be asked: {error}"));
    let mut screen = io::stderr().lock();
    screen
        .write_all(b"\nDo it? [y/N] ")
        .and_then(|()| screen.flush())
        .map_err(unasked)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(unasked)?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        for yes in ["y\n", "Yes\r\n", " YES "] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n\n", "yess", "j", "1", "y n"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
