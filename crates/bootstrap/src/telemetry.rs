//! Telemetry: where the log goes.

use std::io::{self, IsTerminal};

use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::failure::Failure;
use crate::settings::{LogFormat, LogSettings};

/// Begins to log, on standard error, so that standard output stays free for results.
///
/// # Errors
/// When something logs already.
pub(crate) fn begin(settings: &LogSettings) -> Result<(), Failure> {
    let pretty = match settings.format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let log = fmt()
        .with_env_filter(settings.level.filter())
        .with_writer(io::stderr)
        // A log that nobody reads any more is no reason to end: told of on standard error, it would be one.
        .log_internal_errors(false);
    let begun = match pretty {
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
    begun.map_err(|error| Failure::Failed(format!("can't begin to log: {error}")))
}
