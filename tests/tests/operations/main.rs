//! What is handed to those who run the service: metrics and their page, the dashboard, alerts, runbooks, and examples for
//! systemd, Kubernetes and containers. None of them names what is not there. And what only looks works where nothing can
//! be written.

mod deployed;
mod files;
mod metrics;
mod queries;
mod read_only;
#[cfg(feature = "servers")]
mod tools;
mod watched;
