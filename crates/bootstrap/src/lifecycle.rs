//! The lifecycle of the service: start, serve, drain.
//!
//! The engine and the pools live on the binary's own runtime; the workers of the web server are single-threaded
//! runtimes of their own. So the end comes in two phases: first the server stops listening and answers what is in
//! flight, for which it needs the engine; then the engine stores and answers what it has taken.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::dev::{Server, ServerHandle};
use earmark_adapters::http::{self, About, Api, Metrics, Readiness};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::timeout;

use crate::chores::Chores;
use crate::failure::{EXIT_INTERRUPTED, Failure};
use crate::output;
use crate::run::Books;
use crate::settings::{Listen, Settings};
use crate::wiring::{self, Use};

/// How long the drain may take in all: the requests in flight have their own bound, and the engine's queues, bounded as
/// they are, empty in seconds. Past this something hangs, and whoever sent the signal should not wait for it.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(http::SHUTDOWN_TIMEOUT_SECONDS + 10);

/// Runs the service until it is told to end.
///
/// # Errors
/// When it can't start, or did not drain in time.
pub(crate) async fn serve(settings: &Settings) -> Result<ExitCode, Failure> {
    let signals = Signals::begin()?;
    let listener = listen(&settings.http.listen)?;
    let metrics = Arc::new(Metrics::new());
    let ports = wiring::wire(&settings.store, Use::Serve).await?;
    let books = Books::run(ports, settings, Arc::clone(&metrics) as _);
    Service {
        books,
        metrics,
        listener,
        signals,
    }
    .run(|_| Ok(()))
    .await
}

/// Binds the address, before anything else is done that may have to be undone.
pub(crate) fn listen(at: &Listen) -> Result<TcpListener, Failure> {
    let failed = |error: io::Error| {
        Failure::Failed(match error.kind() {
            io::ErrorKind::AddrInUse => format!("can't listen on {at}: the address is in use; --listen names another"),
            _ => format!("can't listen on {at}: {error}"),
        })
    };
    TcpListener::bind(&*at.addresses().map_err(failed)?).map_err(failed)
}

/// A service about to run.
pub(crate) struct Service {
    pub(crate) books: Books,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) listener: TcpListener,
    pub(crate) signals: Signals,
}

impl Service {
    /// Serves until a signal, then drains. `greet` is called once it listens.
    pub(crate) async fn run(self, greet: impl FnOnce(SocketAddr) -> io::Result<()>) -> Result<ExitCode, Failure> {
        let Self {
            mut books,
            metrics,
            listener,
            mut signals,
        } = self;
        let failed = |error: io::Error| Failure::Failed(format!("the server can't run: {error}"));
        let address = listener.local_addr().map_err(failed)?;
        let readiness = Readiness::new();
        let api = Arc::new(Api::new(
            books.engine.clone(),
            http::Ports {
                views: Arc::clone(&books.ports.views),
                events: Arc::clone(&books.ports.events),
                health: Arc::clone(&books.ports.health),
                idempotency: Arc::clone(&books.ports.idempotency),
                clock: Arc::clone(&books.ports.clock),
                ids: Arc::clone(&books.ports.ids),
            },
            metrics,
            readiness.clone(),
            About {
                version: env!("CARGO_PKG_VERSION"),
                store: books.ports.kind.to_owned(),
                started: books.ports.clock.now(),
                promising: books.promising,
            },
        ));
        let server = server(listener, api).map_err(failed)?;
        let handle = server.handle();
        let mut serving = tokio::spawn(server);
        let chores = Chores::begin(&books);

        tracing::info!(%address, store = books.ports.kind, version = env!("CARGO_PKG_VERSION"), "listening");
        output::say(format_args!("Earmark listens on http://{address}/"))?;
        greet(address)?;

        tokio::select! {
            // Serving ends by itself only when something is badly wrong.
            ended = &mut serving => {
                let why = ended.map_or_else(|error| error.to_string(), |ended| format!("{ended:?}"));
                return Err(Failure::Failed(format!("the server ended by itself: {why}")));
            }
            // Half a service is worse than none: whoever watches the process starts a whole one.
            why = books.lane_lost() => {
                return Err(Failure::Failed(format!("a lane of the engine ended by itself: {why}")));
            }
            () = signals.next() => {}
        }
        tracing::info!("draining; a second signal ends the service at once");
        readiness.drain();
        let drained = timeout(DRAIN_TIMEOUT, drain(&handle, serving, chores, books));
        tokio::select! {
            drained = drained => match drained {
                Ok(()) => {
                    tracing::info!("drained");
                    Ok(ExitCode::SUCCESS)
                }
                Err(_) => Err(Failure::Failed(format!("the drain took longer than {} seconds", DRAIN_TIMEOUT.as_secs()))),
            },
            () = signals.next() => {
                tracing::warn!("ended before the drain was over");
                Ok(ExitCode::from(EXIT_INTERRUPTED))
            }
        }
    }
}

fn server(listener: TcpListener, api: Arc<Api>) -> io::Result<Server> {
    Ok(HttpServer::new(move || http::app(&api))
        .disable_signals()
        .client_request_timeout(http::CLIENT_REQUEST_TIMEOUT)
        .client_disconnect_timeout(http::CLIENT_DISCONNECT_TIMEOUT)
        .keep_alive(http::KEEP_ALIVE)
        .max_connections(http::MAX_CONNECTIONS_PER_WORKER)
        .shutdown_timeout(http::SHUTDOWN_TIMEOUT_SECONDS)
        .listen(listener)?
        .run())
}

/// Ends both phases in order.
async fn drain(server: &ServerHandle, serving: tokio::task::JoinHandle<io::Result<()>>, chores: Chores, books: Books) {
    server.stop(true).await;
    match serving.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "the server ended badly"),
        Err(error) => tracing::error!(%error, "the server ended badly"),
    }
    chores.end().await;
    books.close().await;
}

/// The signals that end the service.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// From now on the signals are ours.
    ///
    /// # Errors
    /// When the system does not allow that.
    pub(crate) fn begin() -> Result<Self, Failure> {
        let begin = |kind| signal(kind).map_err(|error| Failure::Failed(format!("can't wait for signals: {error}")));
        Ok(Self {
            interrupt: begin(SignalKind::interrupt())?,
            terminate: begin(SignalKind::terminate())?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
