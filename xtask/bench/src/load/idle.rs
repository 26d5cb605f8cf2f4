//! Connections on which nobody says anything.

use std::net::TcpStream;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use xtask::Failure;

/// Files that this process has open beside the connections.
const OTHERS: u64 = 200;

/// Idle connections. Dropping them closes them.
#[derive(Debug)]
pub(crate) struct Idle {
    _connections: Vec<TcpStream>,
}

impl Idle {
    /// Connects this many times.
    ///
    /// # Errors
    /// The limit on open files is too low, or the service takes no more connections.
    pub(crate) fn connect(address: &str, connections: u64) -> Result<Self, Failure> {
        let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
        let wanted = connections + OTHERS;
        if current.is_some_and(|current| current < wanted) {
            let current = Some(wanted);
            setrlimit(Resource::Nofile, Rlimit { current, maximum })
                .map_err(|error| format!("{connections} connections need a limit of {wanted} open files: {error}"))?;
        }
        let connect = |_| TcpStream::connect(address);
        Ok(Self {
            _connections: (0..connections).map(connect).collect::<Result<_, _>>()?,
        })
    }
}
