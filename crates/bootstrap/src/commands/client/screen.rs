//! Where an answer is shown, and how wide that is.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;

use rustix::termios::tcgetwinsize;

use crate::output::{eprint, print};

/// The width of a terminal that does not know its own.
const USUAL_WIDTH: u16 = 80;

/// The narrowest that tables are made for: below it there would be a letter a line.
const LEAST_WIDTH: u16 = 40;

/// Standard output for answers, standard error for questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Screen {
    Answers,
    Questions,
}

impl Screen {
    /// Its width in characters; `None`: no terminal, so lines have any length.
    pub(super) fn width(self) -> Option<u16> {
        match self {
            Self::Answers => width_of(&io::stdout()),
            Self::Questions => width_of(&io::stderr()),
        }
    }

    /// Shows a text.
    ///
    /// # Errors
    /// When standard output is closed or full.
    pub(super) fn show(self, text: &str) -> io::Result<()> {
        match self {
            Self::Answers => print(text),
            Self::Questions => {
                eprint(text);
                Ok(())
            }
        }
    }
}

fn width_of(output: &(impl AsFd + IsTerminal)) -> Option<u16> {
    if !output.is_terminal() {
        return None;
    }
    let width = tcgetwinsize(output).map_or(0, |size| size.ws_col);
    Some(match width {
        0 => USUAL_WIDTH,
        width => width.max(LEAST_WIDTH),
    })
}
