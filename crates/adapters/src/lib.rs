//! Earmark's adapters: where the outside meets the ports.
//!
//! Driving ones bring commands and questions in ([`http`], [`files`]); driven ones keep the books ([`memory`],
//! [`sqlite`], [`postgres`]) and tell the time ([`clock`]). Each is a cargo feature and compiles alone; none knows
//! another. They share [`wire`], the domain's words as JSON, and, among the databases, how a row's values are read
//! (`row`), what a new line's own row says (`placed`), and what a store remembers of the products it has just had in its
//! hands (`recall`).

#[cfg(feature = "clock")]
pub mod clock;
#[cfg(feature = "files")]
pub mod files;
#[cfg(feature = "http")]
pub mod http;
#[cfg(feature = "memory")]
pub mod memory;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod placed;
#[cfg(feature = "postgres")]
pub mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod recall;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod row;
#[cfg(feature = "sqlite")]
pub mod sqlite;
#[cfg(feature = "wire")]
pub mod wire;
