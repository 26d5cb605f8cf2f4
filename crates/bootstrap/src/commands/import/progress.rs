//! Progress: a bar on a terminal, otherwise a line every few seconds.

use std::fmt::Display;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output;

/// The time between two lines when standard error is not a terminal: a log should show progress without filling up.
const LINE_PERIOD: Duration = Duration::from_secs(5);

/// Shows the progress of an import on standard error.
pub(crate) struct Progress {
    style: Style,
    size: Option<u64>,
    started: Instant,
}

enum Style {
    Bar(ProgressBar),
    Lines { last: Instant },
    Hidden,
}

impl Progress {
    /// Starts to show how much of a file of this size, in bytes, has been read.
    pub(super) fn start(size: Option<u64>) -> Self {
        let started = Instant::now();
        let style = match io::stderr().is_terminal() {
            true => Style::Bar(bar(size)),
            false => Style::Lines { last: started },
        };
        Self { style, size, started }
    }

    /// Shows nothing.
    pub(crate) fn hidden() -> Self {
        Self {
            style: Style::Hidden,
            size: None,
            started: Instant::now(),
        }
    }

    /// The time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Shows how many bytes have been read and how many rows have been sent.
    pub(super) fn update(&mut self, bytes: u64, rows: u64) {
        match &mut self.style {
            Style::Hidden => {}
            Style::Bar(bar) => {
                bar.set_position(bytes);
                bar.set_message(format!("{rows} rows"));
            }
            Style::Lines { last } => {
                if last.elapsed() < LINE_PERIOD {
                    return;
                }
                *last = Instant::now();
                match self.size.filter(|size| *size > 0) {
                    Some(size) => output::eprint(format_args!("{rows} rows, {} % of the file", bytes * 100 / size)),
                    None => output::eprint(format_args!("{rows} rows")),
                }
            }
        }
    }

    /// Writes a message to standard error, above the bar if there is one.
    pub(super) fn message(&self, line: impl Display) {
        match &self.style {
            Style::Bar(bar) => bar.suspend(|| output::eprint(line)),
            Style::Lines { .. } | Style::Hidden => output::eprint(line),
        }
    }

    /// Removes the bar.
    pub(super) fn finish(&self) {
        if let Style::Bar(bar) = &self.style {
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
