//! The HTTP interface: commands and questions in, JSON out.
//!
//! [`app`] makes the actix application, and [`serve`] runs it on a listener. [`openapi`] is its description.
//!
//! - `request` reads requests into domain types and reports every fault, `response` turns outcomes and errors into
//!   replies and problems. The JSON itself is read and written by [`wire`](crate::wire).
//! - `routes` has the handlers, by resource. Nothing is decided in them: they hand a command to the [`Engine`], or read
//!   from a port.
//! - `idempotency` repeats the first answer under an `Idempotency-Key`; `middleware` wraps every request, and lets nobody in
//!   who doesn't belong; `limits` holds callers to how much they may ask.
//! - `openapi` describes the interface; `dashboard` is the page at `/`.
//!
//! `connection` keeps the bounds of every connection, and encrypts it by what `encryption` has read; `worker` serves it, by
//! HTTP/1.1 or by `http2`. `site` is how others reach the service: its names, its path, and the proxies before it.
//!
//! Actix workers are single-threaded runtimes of their own. Handlers only hand a command to the engine, which lives on
//! the binary's runtime, and await the answer; so neither a slow client nor a worker that ends can tear a transaction.
//! Reads are awaited in the handler: their ports permit it.

mod api;
mod app;
mod connection;
mod dashboard;
mod encryption;
mod execution;
mod http2;
mod idempotency;
mod limits;
mod metrics;
mod middleware;
mod open_streams;
mod openapi;
mod readiness;
mod request;
mod response;
mod routes;
mod server;
mod sign_in;
mod site;
mod worker;
mod write_health;

#[cfg(doc)]
use earmark_application::Engine;

pub use api::{About, Api, Ports};
pub use app::{app, openapi};
pub use encryption::{Encryption, EncryptionError, EncryptionFiles};
pub use limits::Limits;
pub use metrics::{ConsumerMetrics, DeliveryMetrics, JobMetrics, MetricDescription, Metrics};
pub use middleware::auth::ANYBODY;
pub use openapi::schema;
pub use readiness::Readiness;
pub use server::{SHUTDOWN_TIMEOUT_SECONDS, serve};
pub use sign_in::person::CALLBACK as SIGN_IN_CALLBACK;
pub use site::proxies::TrustedProxies;
pub use site::{BasePath, CorsOrigins, Hosts, Site};
