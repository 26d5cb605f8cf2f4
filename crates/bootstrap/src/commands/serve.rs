//! `earmark serve`: runs the service.

use std::process::ExitCode;
use std::sync::Arc;

use earmark_adapters::http::{Encryption, Metrics};

use crate::app::App;
use crate::failure::Failure;
use crate::service::digests::Mailing;
use crate::service::publishers::Subscribers;
use crate::service::sources::sources_of;
use crate::service::{self, Service};
use crate::settings::Settings;
use crate::signals::Signals;
use crate::wiring::{self, AccessMode, Ports};

/// Runs the service until a signal ends it.
///
/// # Errors
/// When it can't start, fails while it serves, or does not drain in time.
pub(crate) async fn run(settings: &Settings, insecure: bool) -> Result<ExitCode, Failure> {
    let signals = Signals::install()?;
    let listener = service::bind(&settings.http.listen)?;
    let metrics = Arc::new(Metrics::new());
    let ports = wiring::wire(&settings.store, &settings.calendar, AccessMode::Serve).await?;
    let encryption = settings.http.encryption.clone();
    let encryption = encryption.map(|files| Encryption::open(files, Arc::clone(&ports.clock)));
    let encryption = encryption.transpose().map_err(|why| Failure::Failed(why.to_string()))?;
    let provider = wiring::identity_provider(settings.provider.as_ref(), &ports.clock)?;
    check_entry(settings, &ports, insecure).await?;
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
        limits: settings.limits,
        encryption: encryption.map(Arc::new),
        provider,
        subscribers,
        mailing,
        sources,
    }
    .run(|_| Ok(()))
    .await
}

/// Checks that not everybody can come in from elsewhere. Warns if what they show to come in can be read on the way.
///
/// # Errors
/// When no access key was ever made, others reach the address, and nobody says that it is meant so.
async fn check_entry(settings: &Settings, ports: &Ports, insecure: bool) -> Result<(), Failure> {
    let http = &settings.http;
    let address = &http.listen;
    let is_own = service::resolve(address)?
        .iter()
        .all(|address| address.ip().is_loopback());
    // Where a provider knows people, nobody else comes in without a key.
    if settings.provider.is_some() || ports.keys.has_keys().await? {
        if !is_own && http.encryption.is_none() {
            tracing::warn!(
                %address,
                "what people and programs show travels unencrypted unless a proxy encrypts; set http.tls_certificate and http.tls_key, or \
                 listen on 127.0.0.1 behind the proxy"
            );
        }
        return Ok(());
    }
    if is_own {
        tracing::info!("no access key was made: everybody on this machine may do everything");
        return Ok(());
    }
    if insecure {
        tracing::warn!(%address, "no access key was made: everybody who reaches the service may do everything");
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "no access key was made, so everybody who reaches {address} could do everything. Make the first key with \
         `earmark keys create --name admin --role admin`, or listen on 127.0.0.1, or start with `earmark serve \
         --insecure`"
    )))
}
