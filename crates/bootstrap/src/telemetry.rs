//! Telemetry: the log, on standard error.

use std::io::{self, IsTerminal};

use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::failure::Failure;
use crate::settings::{LogFormat, LogSettings};

/// Starts the log on standard error, so that standard output stays free for results.
///
/// # Errors
/// When a log has been started before.
pub(crate) fn start(settings: &LogSettings) -> Result<(), Failure> {
    let pretty = match settings.format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let log = fmt()
        .with_env_filter(settings.level.filter())
        .with_writer(io::stderr)
        // A failed write to the log must not end the process. Reported on standard error, it would: that is the same
        // closed pipe.
        .log_internal_errors(false);
    let started = match pretty {
        true => log
            .with_ansi(io::stderr().is_terminal())
            .with_target(false)
            .finish()
            .try_init(),
        false => log
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .finish()
            .try_init(),
    };
    started.map_err(|error| Failure::Failed(format!("can't start the log: {error}")))
}
