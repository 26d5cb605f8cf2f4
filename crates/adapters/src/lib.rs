//! Earmark's adapters: where the outside meets the ports.
//!
//! Driving ones bring commands and questions in ([`http`], [`files`]); driven ones keep the books ([`memory`],
//! [`sqlite`], [`postgres`]) and tell the time ([`clock`]). Each is a cargo feature and compiles alone; none knows
//! another. [`wire`] is the one thing they share: the domain's words as JSON.

#[cfg(feature = "clock")]
pub mod clock;
#[cfg(feature = "files")]
pub mod files;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "wire")]
pub mod wire;
