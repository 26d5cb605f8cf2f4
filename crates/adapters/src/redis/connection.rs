//! The connection. It is never made again by itself: whoever has lost it asks for the last entry first.

use std::collections::HashMap;
use std::time::Duration;

use earmark_application::Clock;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};

use super::answers;
use crate::broker::{BrokerAddress, BrokerError, within};

/// How long connecting may take: shorter than a relay's lease.
const CONNECTING: Duration = Duration::from_secs(5);

/// How long one question or one call may take: long enough for a server that writes a snapshot, and shorter than a
/// relay's lease.
pub(super) const ANSWERING: Duration = Duration::from_secs(5);

/// The longest argument of a command that a server takes which does not tell: its default, in bytes.
const DEFAULT_MAX_ARGUMENT: usize = 512 * 1024 * 1024;

/// A connection, with what has to be known of its server.
pub(super) struct Connection {
    /// The connection.
    pub(super) link: MultiplexedConnection,
    /// The longest argument that the server takes, in bytes. It answers a longer one by closing the connection, which
    /// nobody could tell from a fault of the network.
    pub(super) max_argument: usize,
}

/// Connects, and asks what has to be known of the server.
///
/// # Errors
/// [`BrokerError::Unavailable`].
pub(super) async fn connect(
    broker: &BrokerAddress,
    database: u16,
    clock: &dyn Clock,
) -> Result<Connection, BrokerError> {
    let client = client_of(broker, database, ProtocolVersion::RESP2)?;
    let connecting = async {
        let mut link = open(&client, AsyncConnectionConfig::new()).await?;
        let max_argument = max_argument(&mut link).await?;
        Ok(Connection { link, max_argument })
    };
    within(clock, CONNECTING, connecting).await
}

/// Connects, and does no more.
///
/// # Errors
/// [`BrokerError::Unavailable`].
pub(super) async fn link_to(
    client: &Client,
    config: AsyncConnectionConfig,
    clock: &dyn Clock,
) -> Result<MultiplexedConnection, BrokerError> {
    within(clock, CONNECTING, open(client, config)).await
}

async fn open(client: &Client, config: AsyncConnectionConfig) -> Result<MultiplexedConnection, BrokerError> {
    let config = config
        .set_connection_timeout(Some(CONNECTING))
        .set_response_timeout(Some(ANSWERING));
    let connected = client.get_multiplexed_async_connection_with_config(&config).await;
    connected.map_err(|error| answers::of(&error))
}

/// Whoever connects to a database of a server.
///
/// # Errors
/// [`BrokerError`]: its address is none.
pub(super) fn client_of(
    broker: &BrokerAddress,
    database: u16,
    protocol: ProtocolVersion,
) -> Result<Client, BrokerError> {
    let host = &broker.hosts[0];
    let socket = if broker.is_encrypted {
        ConnectionAddr::TcpTls {
            host: host.name.clone(),
            port: host.port,
            insecure: false,
            tls_params: None,
        }
    } else {
        ConnectionAddr::Tcp(host.name.clone(), host.port)
    };
    let mut settings = RedisConnectionInfo::default()
        .set_db(database.into())
        .set_protocol(protocol);
    if let Some(credentials) = &broker.credentials {
        if !credentials.user.is_empty() {
            settings = settings.set_username(&credentials.user);
        }
        if let Some(password) = &credentials.password {
            settings = settings.set_password(password);
        }
    }
    let info = socket.into_connection_info().map_err(|error| answers::of(&error))?;
    Client::open(info.set_redis_settings(settings)).map_err(|error| answers::of(&error))
}

async fn max_argument(link: &mut MultiplexedConnection) -> Result<usize, BrokerError> {
    const SETTING: &str = "proto-max-bulk-len";
    let asked = redis::cmd("CONFIG").arg("GET").arg(SETTING).query_async(link).await;
    match asked {
        Ok(found) => {
            let found: HashMap<String, usize> = found;
            Ok(found.get(SETTING).copied().unwrap_or(DEFAULT_MAX_ARGUMENT))
        }
        Err(error) if error.is_io_error() || error.is_unrecoverable_error() => Err(answers::of(&error)),
        // Many services show nobody their settings.
        Err(_) => Ok(DEFAULT_MAX_ARGUMENT),
    }
}
