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
    started: Instant,
}

enum Style {
    Bar(ProgressBar),
    Lines { last: Instant },
    Hidden,
}

impl Progress {
    /// Starts to show progress.
    pub(super) fn start() -> Self {
        let started = Instant::now();
        let style = match io::stderr().is_terminal() {
            true => Style::Bar(bar()),
            false => Style::Lines { last: started },
        };
        Self { style, started }
    }

    /// Shows nothing.
    pub(crate) fn hidden() -> Self {
        Self {
            style: Style::Hidden,
            started: Instant::now(),
        }
    }

    /// The time since the start.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Shows how many rows have been read so far, before the first is sent.
    pub(super) fn read(&mut self, rows: u64) {
        self.show(rows, None);
    }

    /// Shows how many of all rows have been sent.
    pub(super) fn sent(&mut self, rows: u64, all: u64) {
        self.show(rows, Some(all));
    }

    fn show(&mut self, rows: u64, all: Option<u64>) {
        match &mut self.style {
            Style::Hidden => {}
            Style::Bar(bar) => match all {
                Some(all) => {
                    bar.set_length(all);
                    bar.set_position(rows);
                    bar.set_message("sent");
                }
                None => bar.set_message(format!("{rows} rows read")),
            },
            Style::Lines { last } => {
                if last.elapsed() < LINE_PERIOD {
                    return;
                }
                *last = Instant::now();
                match all.filter(|all| *all > 0) {
                    Some(all) => output::eprint(format_args!("{rows} rows sent, {} %", rows * 100 / all)),
                    None => output::eprint(format_args!("{rows} rows read")),
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

fn bar() -> ProgressBar {
    let template = "{wide_bar} {human_pos} of {human_len} rows  {msg}  {elapsed}";
    ProgressBar::no_length()
        .with_style(ProgressStyle::with_template(template).expect("the template above is well-formed"))
}
