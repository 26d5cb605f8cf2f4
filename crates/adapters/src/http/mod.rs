//! The HTTP interface: commands and questions in, JSON out.
//!
//! [`app`] makes the actix application; the binary binds an address and runs it. [`openapi`] is its description.
//!
//! - `request` reads requests into domain types and reports every fault, `response` turns outcomes and errors into
//!   replies and problems. The JSON itself is read and written by [`wire`](crate::wire).
//! - `routes` has the handlers, by resource. Nothing is decided in them: they hand a command to the [`Engine`], or read
//!   from a port.
//! - `idempotency` repeats the first answer under an `Idempotency-Key`; `middleware` wraps every request.
//! - `openapi` describes the interface; `dashboard` is the page at `/`.
//!
//! Actix workers are single-threaded runtimes of their own. Handlers only hand a command to the engine, which lives on
//! the binary's runtime, and await the answer; so neither a slow client nor a worker that ends can tear a transaction.
//! Reads are awaited in the handler: their ports permit it.

mod api;
mod auth;
mod dashboard;
mod execution;
mod idempotency;
mod metrics;
mod middleware;
mod open_streams;
mod openapi;
mod readiness;
mod request;
mod response;
mod routes;
mod timeout;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, web};
#[cfg(doc)]
use earmark_application::Engine;
use utoipa_actix_web::AppExt;

use openapi::description::ApiDescription;

pub use api::{About, Api, Ports};
pub use metrics::Metrics;
pub use openapi::schema;
pub use readiness::Readiness;

/// How long a client may take to send the head of a request. Heads are a few hundred bytes; a client that needs longer
/// only occupies a connection.
pub const CLIENT_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept: longer than the minute for which proxies keep theirs. So the proxy closes it,
/// and no request meets a connection that is about to be closed.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long the closing of a connection may take.
pub const CLIENT_DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The most connections of one worker. Each takes about 100 KiB when it is busy.
pub const MAX_CONNECTIONS_PER_WORKER: usize = 4_096;

/// How long a stopping server waits for requests in flight, in seconds: the slowest are bulk streams, which are
/// answered as fast as the store can.
pub const SHUTDOWN_TIMEOUT_SECONDS: u64 = 30;

/// The description of the interface: the same for all workers, and made once.
static DESCRIPTION: LazyLock<Arc<ApiDescription>> = LazyLock::new(|| Arc::new(ApiDescription::of(routes::register)));

/// The whole interface as an application; each worker makes its own.
pub fn app(
    api: &Arc<Api>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
    + use<>,
> {
    let (app, _) = App::new()
        .into_utoipa_app()
        .configure(routes::register)
        .split_for_parts();
    app.app_data(web::Data::from(Arc::clone(api)))
        .app_data(web::Data::from(Arc::clone(&DESCRIPTION)))
        .service(routes::operations::explorer::redirect)
        .service(routes::operations::explorer::file)
        .default_service(web::to(middleware::no_route))
        .wrap(from_fn(middleware::wrap))
}

/// The OpenAPI 3.1 document of the interface, as JSON.
#[must_use]
pub fn openapi() -> String {
    DESCRIPTION.text().to_owned()
}
