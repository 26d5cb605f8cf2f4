//! A connection as HTTP is spoken on it: plain or encrypted.
//!
//! Encryption is on top of the bounds, not below them: so the bounds see every byte that a client takes, and hold for the
//! handshake, too.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::connections::InUse;
use super::stream::Connection;

/// An encrypted connection.
pub(in crate::http) type Encrypted = TlsStream<Connection<TcpStream>>;

/// A connection, encrypted or not.
pub(in crate::http) enum Transport {
    Plain(Connection<TcpStream>),
    Encrypted(Box<Encrypted>),
}

impl Transport {
    /// The handle by which the middleware says that a request is served.
    pub(in crate::http) fn in_use(&self) -> InUse {
        match self {
            Self::Plain(connection) => connection.in_use(),
            Self::Encrypted(stream) => stream.get_ref().0.in_use(),
        }
    }
}

/// Calls a method of the stream, whichever it is.
macro_rules! on_either {
    ($transport:ident, $method:ident $(, $argument:expr)*) => {
        match $transport.get_mut() {
            Self::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Self::Encrypted(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        on_either!(self, poll_read, context, buffer)
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        on_either!(self, poll_write, context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        on_either!(self, poll_write_vectored, context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Encrypted(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_either!(self, poll_flush, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        on_either!(self, poll_shutdown, context)
    }
}
