//! Progress: a bar on a terminal, a line every few seconds otherwise.

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// How often a line tells how far it is, where there is no terminal: a log should say that it goes on, not be filled.
const BETWEEN_LINES: Duration = Duration::from_secs(5);

/// What an import shows while it runs, on standard error.
pub(crate) struct Progress {
    shown: Shown,
    size: Option<u64>,
    begun: Instant,
}

enum Shown {
    Bar(ProgressBar),
    Lines { last: Instant },
    Nothing,
}

impl Progress {
    /// Begins to show how far a file of this size has been read.
    pub(crate) fn begin(size: Option<u64>) -> Self {
        let begun = Instant::now();
        let shown = match io::stderr().is_terminal() {
            true => Shown::Bar(bar(size)),
            false => Shown::Lines { last: begun },
        };
        Self { shown, size, begun }
    }

    /// Shows nothing.
    pub(crate) fn none() -> Self {
        Self {
            shown: Shown::Nothing,
            size: None,
            begun: Instant::now(),
        }
    }

    /// How long it has been.
    pub(crate) fn took(&self) -> Duration {
        self.begun.elapsed()
    }

    /// So many bytes have been read, so many rows are done.
    pub(crate) fn at(&mut self, read: u64, rows: u64) {
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                bar.set_position(read);
                bar.set_message(format!("{rows} rows"));
            }
            Shown::Lines { last } => {
                if last.elapsed() < BETWEEN_LINES {
                    return;
                }
                *last = Instant::now();
                match self.size.filter(|size| *size > 0) {
                    Some(size) => output::tell(format_args!("{rows} rows, {} % of the file", read * 100 / size)),
                    None => output::tell(format_args!("{rows} rows")),
                }
            }
        }
    }

    /// Tells people something, above the bar where there is one.
    pub(crate) fn tell(&self, line: impl Display) {
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(|| output::tell(line)),
            Shown::Lines { .. } | Shown::Nothing => output::tell(line),
        }
    }

    /// Takes the bar away.
    pub(crate) fn end(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn bar(size: Option<u64>) -> ProgressBar {
    let (bar, template) = match size {
        Some(size) => (
            ProgressBar::new(size),
            "{wide_bar} {percent:>3} %  {msg}  {elapsed} (left: {eta})",
        ),
        None => (ProgressBar::new_spinner(), "{spinner} {msg}  {elapsed}"),
    };
    bar.with_style(ProgressStyle::with_template(template).expect("the template above is well-formed"))
}
