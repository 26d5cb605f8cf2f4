//! Connecting to a mail server, up to where it is told of a mail.

use std::time::Duration;

use earmark_application::{Clock, MailError};
use lettre::transport::smtp::authentication::Mechanism;
use lettre::transport::smtp::client::{AsyncSmtpConnection, AsyncTokioStream};
use lettre::transport::smtp::extension::ClientId;
use tokio::net::{TcpStream, lookup_host};

use super::answers::{before_the_end, not_let_in};
use super::bounded::Bounded;
use super::encryption::Tls;
use super::server::{Encryption, SmtpServer};
use crate::timeout::timeout;

/// How the password is told, where there is one.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// How long one address of the server is tried, before the next one is. One that drops what it is sent takes minutes to
/// give up otherwise.
const ADDRESS_LIMIT: Duration = Duration::from_secs(15);

/// The part of the time for a mail that one address may take, where that is less.
const ADDRESSES_IN_MAIL: u32 = 4;

/// Connects, encrypts the connection, and logs in.
pub(super) async fn connect(
    server: &SmtpServer,
    tls: &Tls,
    hello: &ClientId,
    clock: &dyn Clock,
    limit: Duration,
) -> Result<AsyncSmtpConnection, MailError> {
    let per_address = ADDRESS_LIMIT.min(limit / ADDRESSES_IN_MAIL);
    let tcp = reach(server, clock, per_address).await?;
    let unavailable = |why: std::io::Error| MailError::Unavailable(why.to_string());
    let peer = tcp.peer_addr().map_err(unavailable)?;
    let stream: Box<dyn AsyncTokioStream> = if let Tls::Wrapped(connector, name) = tls {
        let encrypted = connector.connect(name.clone(), tcp).await.map_err(unavailable)?;
        Box::new(Bounded::new(encrypted, peer))
    } else {
        Box::new(Bounded::new(tcp, peer))
    };
    let connection = AsyncSmtpConnection::connect_with_transport(stream, hello).await;
    let mut connection = connection.map_err(|error| before_the_end(&error))?;
    if let Tls::Starts(parameters) = tls
        && (server.encryption == Encryption::Required || connection.can_starttls())
    {
        let started = connection.starttls(parameters.clone(), hello).await;
        started.map_err(|error| before_the_end(&error))?;
    }
    if let Some(credentials) = &server.credentials {
        let known = connection.auth(&MECHANISMS, credentials).await;
        known.map_err(|error| not_let_in(&error))?;
    }
    Ok(connection)
}

/// Connects to the first of the server's addresses that answers.
async fn reach(server: &SmtpServer, clock: &dyn Clock, limit: Duration) -> Result<TcpStream, MailError> {
    let found = lookup_host((server.host.as_str(), server.port)).await;
    let found = found.map_err(|why| MailError::Unavailable(format!("{server} is not found: {why}")))?;
    let mut last = format!("{server} has no address");
    for address in found {
        last = match timeout(clock, limit, TcpStream::connect(address)).await {
            Some(Ok(stream)) => return Ok(stream),
            Some(Err(why)) => format!("{address} can't be reached: {why}"),
            None => format!("{address} does not answer within {} seconds", limit.as_secs_f32()),
        };
    }
    Err(MailError::Unavailable(last))
}
