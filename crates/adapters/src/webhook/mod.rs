//! Webhooks as sinks for events: HTTP requests to whoever wants to be told.
//!
//! A delivery is one `POST` with a batch of CloudEvents, signed by the scheme of Standard Webhooks. A repeated delivery
//! has the same id and the same bytes. Requests go to public addresses, and to others only where the settings allow it.
//!
//! [`Webhooks`] holds what all webhooks of a process share, and makes a [`WebhookPublisher`] for each.

mod address;
mod allowed;
mod answer;
mod batch;
mod client;
mod endpoint;
mod error;
mod guard;
mod publisher;
mod resolver;
mod secrets;

pub use allowed::AllowedHosts;
pub use error::WebhookError;
pub use publisher::{WebhookPublisher, WebhookSettings, Webhooks};
pub use resolver::{Resolver, SystemResolver};
