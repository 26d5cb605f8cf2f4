//! A NATS server with JetStream, on a free port and with its files in a folder of its own.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::consumer::{AckPolicy, pull};
use futures::StreamExt;
use tempfile::TempDir;
use xtask::Failure;

use super::receivers::Arrival;
use crate::process::block_on::block_on;
use crate::process::program::{Programs, Running};

/// The stream that events go to.
const STREAM: &str = "EVENTS";

/// It starts within a tenth of a second.
const START_LIMIT: Duration = Duration::from_secs(10);

/// How often a starting server is looked for.
const POLL: Duration = Duration::from_millis(20);

/// How long reading a stream may take.
const READ_LIMIT: Duration = Duration::from_secs(60);

/// A running server. Dropping it kills it and removes its files.
#[derive(Debug)]
pub(crate) struct Nats {
    _process: Running,
    _files: TempDir,
    port: u16,
    programs: Programs,
}

impl Nats {
    /// Starts a server.
    pub(crate) fn start(programs: &Programs) -> Result<Self, Failure> {
        let files = tempfile::tempdir_in(&programs.scratch)?;
        let port = free_port()?;
        let mut server = Command::new("nats-server");
        server.args(["--jetstream", "--addr", "127.0.0.1", "--port", &port.to_string()]);
        server.arg("--store_dir").arg(files.path());
        let mut process = programs.start("nats", &mut server)?;
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if process.ended()?.is_some() || started.elapsed() > START_LIMIT {
                return Err(format!("the NATS server does not start{}", process.tail()).into());
            }
            programs.pause(POLL)?;
        }
        Ok(Self {
            _process: process,
            _files: files,
            port,
            programs: programs.clone(),
        })
    }

    /// The URL of its stream, for the service's settings.
    pub(crate) fn url(&self) -> String {
        url(self.port)
    }

    /// When each event of an allocation was stored in the stream. The server's clock is that of the service.
    pub(crate) fn arrivals(&self) -> Result<Vec<Arrival>, Failure> {
        block_on(&self.programs.interruptions, READ_LIMIT, async {
            let client = async_nats::connect(format!("127.0.0.1:{}", self.port)).await?;
            let mut stream = jetstream::new(client).get_stream(STREAM).await?;
            let events = usize::try_from(stream.info().await?.state.messages)?;
            let consumer = stream
                .create_consumer(pull::Config {
                    ack_policy: AckPolicy::None,
                    ..pull::Config::default()
                })
                .await?;
            let messages = consumer.messages().await?;
            let mut messages = messages.take(events);
            let mut arrivals = Vec::with_capacity(events);
            while let Some(message) = messages.next().await {
                let message = message?;
                let stored = message.info().map_err(|error| error.to_string())?.published;
                let at = jiff::Timestamp::from_nanosecond(stored.unix_timestamp_nanos())?;
                arrivals.extend(Arrival::of(&serde_json::from_slice(&message.payload)?, at)?);
            }
            Ok(arrivals)
        })
    }
}

/// The URL of a server that is not there.
pub(crate) fn away() -> Result<String, Failure> {
    Ok(url(free_port()?))
}

fn url(port: u16) -> String {
    format!("nats://127.0.0.1:{port}/{STREAM}")
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
