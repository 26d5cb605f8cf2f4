//! Telemetry: the log, on standard error, and the traces.

use std::io::{self, IsTerminal};

use tracing::Subscriber;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt, registry};

use crate::failure::Failure;
use crate::settings::{LogFormat, LogSettings};
use crate::traces::Traces;

/// Starts the log on standard error, so that standard output stays free for results; and the traces, if there is a
/// collector.
///
/// # Errors
/// When a log has been started before.
pub(crate) fn start(settings: &LogSettings, traces: Option<&Traces>) -> Result<(), Failure> {
    let filter = settings.level.filter();
    let started = match traces {
        None => registry().with(filter).with(log(settings)).try_init(),
        // What is logged and what is collected is not the same.
        Some(traces) => registry()
            .with(log(settings).with_filter(filter))
            .with(traces.layer())
            .try_init(),
    };
    started.map_err(|error| Failure::Failed(format!("can't start the log: {error}")))
}

fn log<S>(settings: &LogSettings) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let pretty = match settings.format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let log = fmt::layer()
        .with_writer(io::stderr)
        // A failed write to the log must not end the process. Reported on standard error, it would: that is the same
        // closed pipe.
        .log_internal_errors(false);
    match pretty {
        true => log.with_ansi(io::stderr().is_terminal()).with_target(false).boxed(),
        false => log
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .boxed(),
    }
}
