//! Network connections to the server.

use std::io;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// PostgreSQL's port, where the URL names none.
const DEFAULT_PORT: u16 = 5_432;

/// Where a server may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A host by name, with its address if the URL has it, and a port.
    Tcp {
        host: String,
        address: Option<IpAddr>,
        port: u16,
    },
    /// A folder with the server's socket, and the port that the socket is named by.
    Unix { folder: PathBuf, port: u16 },
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp { host, port, .. } => write!(f, "{host}:{port}"),
            Self::Unix { folder, port } => write!(f, "{}/.s.PGSQL.{port}", folder.display()),
        }
    }
}

impl Endpoint {
    /// All that a configuration names, in its order.
    pub(super) fn all(config: &Config) -> Vec<Self> {
        let (hosts, addresses, ports) = (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
        (0..hosts.len().max(addresses.len()))
            .map(|number| {
                let port = ports
                    .get(number)
                    .or_else(|| ports.first())
                    .copied()
                    .unwrap_or(DEFAULT_PORT);
                let address = addresses.get(number).copied();
                match hosts.get(number) {
                    Some(Host::Tcp(host)) => Self::Tcp {
                        host: host.clone(),
                        address,
                        port,
                    },
                    #[cfg(unix)]
                    Some(Host::Unix(folder)) => Self::Unix {
                        folder: folder.clone(),
                        port,
                    },
                    None => Self::Tcp {
                        host: address.map(|address| address.to_string()).unwrap_or_default(),
                        address,
                        port,
                    },
                }
            })
            .collect()
    }

    /// The host as the URL has it.
    pub(super) fn host(&self) -> &str {
        match self {
            Self::Tcp { host, .. } => host,
            // So PostgreSQL's own clients call it in their password file.
            Self::Unix { .. } => "localhost",
        }
    }

    /// The port.
    pub(super) const fn port(&self) -> u16 {
        match self {
            Self::Tcp { port, .. } | Self::Unix { port, .. } => *port,
        }
    }

    /// Connects to it, without a bound in time.
    ///
    /// # Errors
    /// Those of the network.
    pub(super) async fn connect(&self, network_timeout: Duration) -> io::Result<Socket> {
        match self {
            Self::Tcp { host, address, port } => {
                let stream = match address {
                    Some(address) => TcpStream::connect((*address, *port)).await?,
                    None => TcpStream::connect((host.as_str(), *port)).await?,
                };
                stream.set_nodelay(true)?;
                let socket = SockRef::from(&stream);
                socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(network_timeout))?;
                #[cfg(target_os = "linux")]
                socket.set_tcp_user_timeout(Some(network_timeout))?;
                Ok(Socket::Tcp(stream))
            }
            Self::Unix { folder, port } => {
                let stream = UnixStream::connect(folder.join(format!(".s.PGSQL.{port}"))).await?;
                Ok(Socket::Unix(stream))
            }
        }
    }
}

/// A connection.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Whether the server is on this machine.
    pub(super) fn is_local(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.peer_addr().is_ok_and(|address| address.ip().is_loopback()),
            Self::Unix(_) => true,
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Self::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
