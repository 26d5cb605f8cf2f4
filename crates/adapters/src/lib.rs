//! Earmark's adapters: where the outside meets the ports.
//!
//! Driving adapters bring commands and questions in ([`http`], [`files`], [`messages`]); driven adapters store the state
//! ([`memory`], [`sqlite`], [`postgres`]), deliver events ([`nats`], [`redis`], [`webhook`], [`event_log`]), send mails
//! ([`mail`]), ask who people are ([`openid`]), tell the time ([`clock`]) and make ids ([`ids`]). Each is a cargo feature and compiles alone; none knows another. What they share has rooms of its
//! own: [`wire`], the domain's words as JSON; `sql`, the product cache and the encoding of rows; `broker`, the addresses of
//! message brokers; [`access_key`], what access keys look like; [`tls`], whom encrypted connections trust; `html`; and `timeout`.

// A future is as large as all that it may await, and is moved when it is passed on, bounded in time or spawned: what is
// large is boxed where it is made. (The tests of the crate need not care.)
#![cfg_attr(not(test), warn(clippy::large_futures))]

#[cfg(feature = "access_key")]
pub mod access_key;
#[cfg(any(feature = "nats", feature = "redis"))]
mod broker;
#[cfg(feature = "clock")]
pub mod clock;
#[cfg(feature = "event_log")]
pub mod event_log;
#[cfg(feature = "files")]
pub mod files;
#[cfg(any(feature = "http", feature = "mail"))]
mod html;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "clock")]
pub mod ids;
#[cfg(feature = "mail")]
pub mod mail;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(feature = "messages")]
pub mod messages;
#[cfg(feature = "nats")]
pub mod nats;
#[cfg(feature = "openid")]
pub mod openid;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(any(feature = "http", feature = "mail", feature = "openid", feature = "webhook"))]
mod timeout;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "webhook")]
pub mod webhook;
#[cfg(feature = "wire")]
pub mod wire;
