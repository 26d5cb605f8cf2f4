//! The HTTP interface: commands and questions in, JSON out.
//!
//! [`app`] is the whole of it as one actix application; the binary binds an address and runs it. [`openapi`] is its
//! description. Requests are parsed into domain types here, every fault told, and what the application answers is
//! translated back; nothing is decided.
//!
//! Actix workers are single-threaded runtimes of their own. So that neither a slow client nor a worker that ends can
//! tear a transaction, handlers only hand a command to the [`Engine`], which lives on the binary's runtime, and await
//! the answer. Questions to the books are awaited where they are asked: the port promises that this is safe.

mod api;
mod asked;
mod batches;
mod book;
mod bulk;
mod call_key;
mod edge;
mod events;
mod fields;
mod input;
mod json;
mod kept;
mod kinds;
mod lines;
mod metrics;
mod once;
mod openapi;
mod ops;
mod ordering;
mod orders;
mod overlay;
mod page;
mod present;
mod problem;
mod products;
mod promises;
mod quoted;
mod refused;
mod reply;
pub mod schema;
mod stream;
mod turns;
mod writes;

use std::sync::Arc;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error, web};
#[cfg(doc)]
use earmark_application::Engine;
use utoipa_actix_web::AppExt;
use utoipa_actix_web::service_config::ServiceConfig;

pub use api::{About, Api, Ports, Readiness};
pub use metrics::Metrics;

/// How long a client may take to send a request's head. Heads are a few hundred bytes; a client that needs longer
/// holds a connection to hold it.
pub const CLIENT_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept: longer than the minute that proxies keep theirs, so that it is the proxy that
/// closes, and no request meets a connection that is just going.
pub const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long a connection that is being closed may take over it.
pub const CLIENT_DISCONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The most connections of one worker. Each costs some 100 KiB when it is busy.
pub const MAX_CONNECTIONS_PER_WORKER: usize = 4_096;

/// How long a stopping server waits for requests in flight, in seconds: the slowest are bulk streams, whose answers
/// come as fast as the store.
pub const SHUTDOWN_TIMEOUT_SECONDS: u64 = 30;

/// The whole interface as an application, to be made once a worker.
pub fn app(
    api: &Arc<Api>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse<BoxBody>, Error = Error, InitError = ()>
    + use<>,
> {
    let (app, _) = App::new().into_utoipa_app().configure(routes).split_for_parts();
    app.app_data(web::Data::from(Arc::clone(api)))
        .service(ops::docs)
        .service(ops::docs_file)
        .default_service(web::to(edge::nowhere))
        .wrap(from_fn(edge::around))
}

/// The OpenAPI 3.1 document of the interface, as JSON.
#[must_use]
pub fn openapi() -> String {
    openapi::text().to_owned()
}

/// Every documented route. They are registered as services, for only those find their way into the document. The router
/// tries them in this order, so those that are asked for most stand first.
fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(orders::allocate)
        .service(orders::place)
        .service(orders::show)
        .service(products::show)
        .service(events::list)
        .service(batches::create)
        .service(batches::show)
        .service(batches::change)
        .service(batches::receive)
        .service(batches::cancel)
        .service(promises::confirm)
        .service(promises::dispatch)
        .service(promises::undo_dispatch)
        .service(promises::quoted)
        .service(orders::replace)
        .service(orders::change_line)
        .service(orders::cancel)
        .service(orders::cancel_line)
        .service(products::list)
        .service(products::put)
        .service(products::available)
        .service(products::backlog)
        .service(stream::stream)
        .service(bulk::bulk)
        .service(book::add_batch)
        .service(book::allocate)
        .service(book::allocations)
        .service(ops::live)
        .service(ops::ready)
        .service(ops::metrics)
        .service(ops::document)
        .service(ops::problem_page)
        .service(ops::favicon)
        .service(page::page);
}
