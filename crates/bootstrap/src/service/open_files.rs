//! The limit on open files: each connection of a client is one.

use std::num::NonZeroUsize;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many files the service keeps for itself: its database, its log, its pools, and the sockets of its runtime.
const RESERVED: usize = 128;

/// The connections where the system sets no limit: more than the workers take.
const UNLIMITED: usize = 1_000_000;

/// Raises the soft limit on open files to the hard one, and answers how many connections of clients that leaves room
/// for. Many systems start a program with a soft limit of 1,024, for programs that use `select`.
pub(crate) fn raise_limit() -> NonZeroUsize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(error) => {
            tracing::warn!(%error, limit = limit.current, "the limit on open files could not be raised");
            limit.current
        }
    };
    connections(current)
}

/// The connections that a limit on open files leaves room for; `None`: there is no limit.
fn connections(limit: Option<u64>) -> NonZeroUsize {
    let files = limit.map_or(UNLIMITED, |limit| usize::try_from(limit).unwrap_or(UNLIMITED));
    NonZeroUsize::new(files.saturating_sub(RESERVED)).unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_files_for_the_service_itself() {
        assert_eq!(connections(Some(1_024)).get(), 896);
        assert_eq!(connections(Some(64)).get(), 1);
        assert_eq!(connections(None).get(), UNLIMITED - RESERVED);
    }
}
