//! A proxy that cuts connections.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// How often the proxy looks whether it is to end.
const GLANCE: Duration = Duration::from_millis(10);

/// Passes bytes on to a server on this machine, until it is told to cut.
pub struct Proxy {
    port: u16,
    /// How many more bytes it takes from clients.
    allowance: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
}

impl Proxy {
    /// A proxy to the server that listens on a port.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn to(upstream: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("it does not wait");
        let proxy = Self {
            port: listener.local_addr().expect("an address").port(),
            allowance: Arc::new(AtomicU64::new(u64::MAX)),
            ended: Arc::default(),
        };
        let (allowance, ended) = (Arc::clone(&proxy.allowance), Arc::clone(&proxy.ended));
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((client, _)) => drop(pass_on(client, upstream, &allowance)),
                    Err(_) => thread::sleep(GLANCE),
                }
            }
        });
        proxy
    }

    /// The port that it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Cuts each connection when clients have sent so many more bytes, in the middle of whatever they send.
    pub fn cut_after(&self, bytes: u64) {
        self.allowance.store(bytes, Ordering::Relaxed);
    }

    /// Cuts no more.
    pub fn heal(&self) {
        self.cut_after(u64::MAX);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        self.cut_after(0);
    }
}

fn pass_on(client: TcpStream, upstream: u16, allowance: &Arc<AtomicU64>) -> io::Result<()> {
    client.set_nonblocking(false)?;
    let server = TcpStream::connect(("127.0.0.1", upstream))?;
    let (mut answers, mut asker) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        drop(io::copy(&mut answers, &mut asker));
        drop(asker.shutdown(Shutdown::Both));
    });
    let allowance = Arc::clone(allowance);
    thread::spawn(move || {
        drop(pass_allowed(&client, &server, &allowance));
        drop(client.shutdown(Shutdown::Both));
        drop(server.shutdown(Shutdown::Both));
    });
    Ok(())
}

/// Passes bytes on from the client until it has sent all that is allowed, or ends.
fn pass_allowed(mut client: &TcpStream, mut server: &TcpStream, allowance: &AtomicU64) -> io::Result<()> {
    let mut buffer = [0; 4096];
    loop {
        let read = client.read(&mut buffer)?;
        let left = allowance.load(Ordering::Relaxed);
        let passed = read.min(usize::try_from(left).unwrap_or(usize::MAX));
        server.write_all(&buffer[..passed])?;
        if passed < read || read == 0 {
            return Ok(());
        }
        if left != u64::MAX {
            allowance.fetch_sub(read as u64, Ordering::Relaxed);
        }
    }
}
