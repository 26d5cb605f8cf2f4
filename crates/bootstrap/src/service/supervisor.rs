//! The supervisor of the process, if it wants to be told how the service is: systemd, for units with `Type=notify`.
//!
//! It says by `NOTIFY_SOCKET` where it listens, a path or a name in the abstract namespace (`@name`), and by
//! `WATCHDOG_USEC` that it ends a service that is silent for so long. The protocol is a line of text in a datagram:
//! see `sd_notify(3)`. The crates for it know no abstract names.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process;
use std::time::Duration;

/// Where the supervisor listens.
const SOCKET: &str = "NOTIFY_SOCKET";

/// For how many microseconds the service may be silent.
const WATCHDOG: &str = "WATCHDOG_USEC";

/// Which process is meant by that.
const WATCHDOG_PID: &str = "WATCHDOG_PID";

/// A sign of life comes so many times in the time that the service may be silent.
const SIGNS: u32 = 3;

/// The supervisor, if there is one that listens.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    socket: Option<UnixDatagram>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// The supervisor that the environment names. One that can't be reached is left alone, with a warning.
    pub(crate) fn of_environment() -> Self {
        let socket = env::var_os(SOCKET).filter(|name| !name.is_empty());
        let socket = socket.and_then(|name| match connect(&name) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!(%error, socket = %name.display(), "the supervisor can't be told anything");
                None
            }
        });
        let watchdog = watchdog(
            env::var_os(WATCHDOG).as_deref(),
            env::var_os(WATCHDOG_PID).as_deref(),
            process::id(),
        );
        Self { socket, watchdog }
    }

    /// The service takes work.
    pub(crate) fn ready(&self, address: &str) {
        self.tell(&format!("READY=1\nSTATUS=Listening on {address}"));
    }

    /// The service takes no more work, and ends when what is in flight is answered.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=Draining");
    }

    /// After how much time the supervisor wants the next sign of life; `None`: it wants none.
    pub(crate) fn sign_every(&self) -> Option<Duration> {
        self.socket.as_ref().and(self.watchdog).map(|time| time / SIGNS)
    }

    /// The service is alive.
    pub(crate) fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, state: &str) {
        let Some(socket) = &self.socket else { return };
        // Whoever is not read does not wait: the next sign says as much.
        if let Err(error) = socket.send(state.as_bytes()) {
            tracing::warn!(%error, "the supervisor was not told: {}", state.lines().next().unwrap_or_default());
        }
    }
}

/// A socket to the supervisor.
fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(name)?,
        _ => {
            return Err(io::Error::other(
                "it is neither a path nor the name of an abstract socket",
            ));
        }
    };
    let socket = UnixDatagram::unbound()?;
    socket.connect_addr(&address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// How long this process may be silent.
fn watchdog(time: Option<&OsStr>, of: Option<&OsStr>, own: u32) -> Option<Duration> {
    let number = |text: &OsStr| text.to_str()?.parse::<u64>().ok();
    if of.is_some_and(|of| number(of) != Some(u64::from(own))) {
        return None;
    }
    time.and_then(number)
        .filter(|time| *time > 0)
        .map(Duration::from_micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watchdog_of_another_process_is_none() {
        let watchdog = |time: &str, of: Option<&str>| watchdog(Some(time.as_ref()), of.map(str::as_ref), 7);
        let second = Some(Duration::from_secs(1));
        assert_eq!(watchdog("1000000", None), second);
        assert_eq!(watchdog("1000000", Some("7")), second);
        assert_eq!(watchdog("1000000", Some("8")), None);
        assert_eq!(watchdog("0", None), None);
        assert_eq!(watchdog("soon", None), None);
        assert_eq!(super::watchdog(None, None, 7), None);
    }

    #[test]
    fn a_socket_has_a_path_or_an_abstract_name() {
        for name in ["relative", "unix:/x", "\0x", "/nowhere/at/all"] {
            assert!(connect(name.as_ref()).is_err(), "{name:?}");
        }
        let name = format!("earmark-test-{}", process::id());
        let address = SocketAddr::from_abstract_name(&name).expect("a name");
        let listener = UnixDatagram::bind_addr(&address).expect("a free name");
        let supervisor = Supervisor {
            socket: connect(format!("@{name}").as_ref()).ok(),
            watchdog: Some(Duration::from_secs(30)),
        };
        assert_eq!(supervisor.sign_every(), Some(Duration::from_secs(10)));
        supervisor.alive();
        let mut heard = [0; 64];
        let length = listener.recv(&mut heard).expect("a datagram");
        assert_eq!(&heard[..length], b"WATCHDOG=1");
    }
}
