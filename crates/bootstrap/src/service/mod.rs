//! The service: start, serve, drain.
//!
//! The engine and the connection pools live on the binary's own runtime; each worker of the web server is a
//! single-threaded runtime. So the drain has phases. First the service goes on and says that it is about to end; then the
//! server stops listening and answers the requests in flight, which needs the engine; then the engine stores and answers
//! what it has accepted.
//!
//! What runs beside the calls has a module each: `background_jobs`, `relays` and `digests` (events and mails out, to the
//! `publishers` of the settings), `consumers` (commands in, from their `sources`). `supervisor` tells systemd, and
//! `open_files` raises a limit.

pub(crate) mod background_jobs;
pub(crate) mod consumers;
pub(crate) mod digests;
pub(crate) mod open_files;
pub(crate) mod publishers;
pub(crate) mod relays;
pub(crate) mod sources;
pub(crate) mod supervisor;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use earmark_adapters::http::{self, About, Api, Encryption, Limits, Metrics, Readiness, Site};
use earmark_application::{Clock, ConsumerMeter, IdentityProvider, KeyRing, Principal, Roles};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::app::App;
use crate::failure::{EXIT_INTERRUPTED, Failure};
use crate::service::background_jobs::BackgroundJobs;
use crate::service::consumers::{Consumers, Source};
use crate::service::digests::Mailing;
use crate::service::publishers::Subscribers;
use crate::service::relays::Relays;
use crate::service::supervisor::Supervisor;
use crate::settings::{LimitSettings, Listen};
use crate::signals::{Sender, Signals};
use crate::{asyncapi, output};

/// The longest that a drain may take. The requests in flight have their own bound, and the bounded queues of the engine
/// empty in seconds; past this something hangs, and the sender of the signal should not wait for it.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(http::SHUTDOWN_TIMEOUT_SECONDS + 15);

/// The socket addresses of an address to listen on.
///
/// # Errors
/// When its name can't be resolved.
pub(crate) fn resolve(address: &Listen) -> Result<Vec<SocketAddr>, Failure> {
    let failed = |error: io::Error| Failure::Failed(format!("can't listen on {address}: {error}"));
    address.resolve().map_err(failed)
}

/// How long the service goes on after a supervisor has told it to end, while its readiness probe says that it is not
/// ready: so that whoever balances the load sends its requests elsewhere before connections are refused. A person who
/// presses Ctrl-C does not wait.
const DRAIN_NOTICE: Duration = Duration::from_secs(2);

/// Binds the address. Commands do this first, before any work that would have to be undone.
///
/// # Errors
/// When the address can't be resolved or bound.
pub(crate) fn bind(address: &Listen) -> Result<TcpListener, Failure> {
    let failed = |error: io::Error| {
        Failure::Failed(match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("can't listen on {address}: the address is in use; choose another with --listen")
            }
            _ => format!("can't listen on {address}: {error}"),
        })
    };
    TcpListener::bind(&*resolve(address)?).map_err(failed)
}

/// A service that is ready to run.
pub(crate) struct Service {
    pub(crate) app: App,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) listener: TcpListener,
    pub(crate) signals: Signals,
    pub(crate) site: Site,
    pub(crate) limits: LimitSettings,
    /// `None`: connections are not encrypted.
    pub(crate) encryption: Option<Arc<Encryption>>,
    /// Who knows people. `None`: they sign in with keys only.
    pub(crate) provider: Option<Arc<dyn IdentityProvider>>,
    pub(crate) subscribers: Subscribers,
    pub(crate) sources: Vec<Source>,
    pub(crate) mailing: Mailing,
}

impl Service {
    /// Serves until a signal arrives, then drains. Calls `on_listening` once the service accepts connections.
    ///
    /// # Errors
    /// When the server can't start, the server or a lane of the engine fails, or the drain takes too long.
    pub(crate) async fn run(
        self,
        on_listening: impl FnOnce(SocketAddr) -> io::Result<()>,
    ) -> Result<ExitCode, Failure> {
        let Self {
            mut app,
            metrics,
            listener,
            mut signals,
            site,
            limits,
            encryption,
            provider,
            subscribers,
            sources,
            mailing,
        } = self;
        let failed = |error: io::Error| Failure::Failed(format!("the server can't run: {error}"));
        let address = listener.local_addr().map_err(failed)?;
        let supervisor = Arc::new(Supervisor::of_environment());
        let readiness = Readiness::new();
        let deliveries = Arc::new(metrics.deliveries());
        // Before anybody is served: the first shortage is told, too.
        let digests = mailing.begin(&app, Arc::clone(&deliveries) as _).await?;
        let messages: Arc<dyn ConsumerMeter> = Arc::new(metrics.consumers());
        let job_meter = Arc::new(metrics.jobs());
        let api = api(&app, metrics, readiness.clone(), site, limits.requests, provider);
        let path = api.base_path().to_owned();
        let room = open_files::raise_limit();
        let connections = limits.connections.map_or(room, |most| most.min(room));
        let server = http::serve(listener, &api, connections, encryption.as_ref()).map_err(failed)?;
        let handle = server.handle();
        let mut serving = tokio::spawn(server);
        let mut jobs = BackgroundJobs::start(&app, &(job_meter as _));
        let mut relays = Relays::start(&app, subscribers, digests, deliveries);
        let mut consumers = Consumers::start(&app, sources, &messages);

        let scheme = if encryption.is_some() { "https" } else { "http" };
        // Ends with the runtime. A connection that begins in a drain gets the certificate that there is.
        if let Some(encryption) = encryption {
            tokio::spawn(encryption.follow());
        }

        tracing::info!(%address, scheme, store = app.ports.kind, version = env!("CARGO_PKG_VERSION"), "listening");
        output::print(format_args!("Earmark listens on {scheme}://{address}{path}/"))?;
        on_listening(address)?;
        supervisor.ready(&format!("{scheme}://{address}{path}/"));
        let mut signs = JoinSet::new();
        if let Some(every) = supervisor.sign_every() {
            signs.spawn(show_signs(Arc::clone(&supervisor), Arc::clone(&app.ports.clock), every));
        }

        let mut failure = None;
        let sender = tokio::select! {
            ended = &mut serving => {
                let why = ended.map_or_else(|error| error.to_string(), |ended| format!("{ended:?}"));
                return Err(Failure::Failed(format!("the server stopped unexpectedly: {why}")));
            }
            // A service without one of its lanes would leave callers unanswered: end, so that a supervisor restarts it.
            why = app.lane_failed() => {
                return Err(Failure::Failed(format!("a lane of the engine stopped unexpectedly: {why}")));
            }
            // So would a service without one of its jobs: holds would not end, changes would not be continued.
            why = jobs.failed() => {
                tracing::error!(%why, "a background job stopped unexpectedly; ending the service");
                failure = Some(format!("a background job stopped unexpectedly: {why}"));
                Sender::Supervisor
            }
            // And one without its relays would tell nobody of anything.
            why = relays.failed() => {
                tracing::error!(%why, "a relay stopped unexpectedly; ending the service");
                failure = Some(format!("a relay stopped unexpectedly: {why}"));
                Sender::Supervisor
            }
            // Or carry out nothing of what it is sent.
            why = consumers.failed() => {
                tracing::error!(%why, "a consumer stopped unexpectedly; ending the service");
                failure = Some(format!("a consumer stopped unexpectedly: {why}"));
                Sender::Supervisor
            }
            sender = signals.next() => sender,
        };
        supervisor.stopping();
        readiness.drain();
        tracing::info!("draining; a second signal ends the service at once");
        let notice = match sender {
            Sender::Person => Duration::ZERO,
            Sender::Supervisor => DRAIN_NOTICE,
        };
        let drained = timeout(DRAIN_TIMEOUT, async {
            app.ports.clock.pause(notice).await;
            readiness.close();
            drain(&handle, serving, jobs, app, relays, consumers).await;
        });
        tokio::select! {
            drained = drained => match drained {
                Ok(()) => {
                    tracing::info!("drained");
                    failure.map_or(Ok(ExitCode::SUCCESS), |why| Err(Failure::Failed(why)))
                }
                Err(_) => Err(Failure::Failed(format!(
                    "the drain took longer than {} seconds",
                    DRAIN_TIMEOUT.as_secs()
                ))),
            },
            _ = signals.next() => {
                tracing::warn!("ended before the drain was complete");
                Ok(ExitCode::from(EXIT_INTERRUPTED))
            }
        }
    }
}

/// Shows the supervisor for ever that the runtime of the engine gets on. Whether the store does is no matter of life: a
/// restart would not mend it.
async fn show_signs(supervisor: Arc<Supervisor>, clock: Arc<dyn Clock>, every: Duration) {
    loop {
        supervisor.alive();
        clock.pause(every).await;
    }
}

fn api(
    app: &App,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    site: Site,
    limits: Limits,
    provider: Option<Arc<dyn IdentityProvider>>,
) -> Arc<Api> {
    let key_ring = KeyRing::new(
        Arc::clone(&app.ports.keys),
        Arc::clone(&app.ports.sessions),
        Arc::clone(&app.ports.clock),
        Principal::new(http::ANYBODY, Roles::ALL),
    );
    let ports = http::Ports {
        views: Arc::clone(&app.ports.views),
        outlook: Arc::clone(&app.ports.outlook),
        events: Arc::clone(&app.ports.events),
        inbox: Arc::clone(&app.ports.inbox),
        subscriptions: Arc::clone(&app.ports.subscriptions),
        keys: Arc::clone(&app.ports.keys),
        sessions: Arc::clone(&app.ports.sessions),
        key_ring: Arc::new(key_ring.with_provider(provider)),
        access_log: Arc::clone(&app.ports.access_log),
        recorder: Arc::clone(&app.recorder),
        tail: Arc::clone(&app.tail),
        health: Arc::clone(&app.ports.health),
        idempotency: Arc::clone(&app.ports.idempotency),
        clock: Arc::clone(&app.ports.clock),
        ids: Arc::clone(&app.ports.ids),
    };
    let about = About {
        version: env!("CARGO_PKG_VERSION"),
        store: app.ports.kind.to_owned(),
        started: app.ports.clock.now(),
        promising: app.promising,
        asyncapi: asyncapi::document,
    };
    Arc::new(Api::new(
        app.engine.clone(),
        ports,
        metrics,
        readiness,
        site,
        limits,
        about,
    ))
}

/// Runs both phases of the drain: first the server and the consumers, then the engine.
async fn drain(
    server: &ServerHandle,
    serving: JoinHandle<io::Result<()>>,
    jobs: BackgroundJobs,
    app: App,
    relays: Relays,
    consumers: Consumers,
) {
    tokio::join!(server.stop(true), consumers.stop());
    match serving.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the server failed while it stopped"),
        Err(error) => tracing::error!(%error, "the server failed while it stopped"),
    }
    jobs.stop().await;
    let (recorder, log) = (Arc::clone(&app.recorder), Arc::clone(&app.ports.access_log));
    app.close().await;
    // Nothing is refused any more.
    if let Err(error) = recorder.write(&*log).await {
        let unwritten = recorder.unwritten();
        tracing::warn!(%error, unwritten, "decisions on access are lost");
    }
    relays.stop().await;
}
