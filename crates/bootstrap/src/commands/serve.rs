//! `earmark serve`: runs the service.

use std::process::ExitCode;
use std::sync::Arc;

use earmark_adapters::http::Metrics;

use crate::app::App;
use crate::digests::Mailing;
use crate::failure::Failure;
use crate::publishers::Subscribers;
use crate::service::{self, Service};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::sources::sources_of;
use crate::wiring::{self, AccessMode};

/// Runs the service until a signal ends it.
///
/// # Errors
/// When it can't start, fails while it serves, or does not drain in time.
pub(crate) async fn run(settings: &Settings) -> Result<ExitCode, Failure> {
    let signals = Signals::install()?;
    let listener = service::bind(&settings.http.listen)?;
    let metrics = Arc::new(Metrics::new());
    let ports = wiring::wire(&settings.store, &settings.calendar, AccessMode::Serve).await?;
    let subscribers = Subscribers::of(&settings.events, &ports.clock)?;
    let mailing = Mailing::of(&settings.mail, &settings.calendar, &ports.clock)?;
    let sources = sources_of(&settings.commands, &subscribers, &ports.clock, &*ports.ids)?;
    let app = App::start(ports, settings, Arc::clone(&metrics) as _);
    Service {
        app,
        metrics,
        listener,
        signals,
        site: settings.http.site.clone(),
        subscribers,
        mailing,
        sources,
    }
    .run(|_| Ok(()))
    .await
}
