//! What a yardstick does.

use crate::load::wrk::OrderIds;

/// How a yardstick writes allocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// Many allocations per transaction; on PostgreSQL in one statement.
    SetBased {
        /// Allocations per transaction.
        lines: u32,
        /// Connections on PostgreSQL; SQLite has one writer.
        writers: u32,
    },
    /// One allocation per transaction, by a function in the server; PostgreSQL only.
    ServerFunction {
        /// Connections.
        clients: u32,
    },
    /// One allocation per transaction, in six statements, on one connection.
    Statements,
}

impl Method {
    /// With a transaction so large that larger ones are hardly faster.
    pub(crate) const SET_BASED: Self = Self::SetBased { lines: 128, writers: 2 };

    /// As the report names it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::SetBased { lines, .. } => format!("set-based, {lines} a transaction"),
            Self::ServerFunction { clients } => format!("one server-side function, {clients} clients"),
            Self::Statements => "six statements, one client".to_owned(),
        }
    }

    /// Allocations per transaction.
    pub(crate) const fn lines(self) -> u32 {
        match self {
            Self::SetBased { lines, .. } => lines,
            Self::ServerFunction { .. } | Self::Statements => 1,
        }
    }

    /// Connections.
    pub(crate) const fn clients(self) -> u32 {
        match self {
            Self::SetBased { writers, .. } => writers,
            Self::ServerFunction { clients } => clients,
            Self::Statements => 1,
        }
    }
}

/// A yardstick with its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Yardstick {
    pub(crate) method: Method,
    /// The number of products; lines are uniform over them.
    pub(crate) products: u32,
    pub(crate) order_ids: OrderIds,
}
