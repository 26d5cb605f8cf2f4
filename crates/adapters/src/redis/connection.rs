//! The connection. It is never made again by itself: whoever has lost it asks for the last entry first.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use earmark_application::Clock;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use super::answers;
use crate::broker::{BrokerAddress, BrokerError, unavailable, within};
use crate::tls;

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
    let server = Server::of(broker, database, ProtocolVersion::RESP2)?;
    let connecting = async {
        let mut link = server.open(AsyncConnectionConfig::new()).await?;
        let max_argument = max_argument(&mut link).await?;
        Ok(Connection { link, max_argument })
    };
    within(clock, CONNECTING, connecting).await
}

/// A database of a server, and who connects to it.
pub(super) struct Server {
    client: Client,
    /// How the connection is encrypted, if it is. The client would do it too, but not on a machine that has one
    /// certificate which it can't read.
    encryption: Option<Encryption>,
}

/// With whom a connection is encrypted, and how.
struct Encryption {
    host: String,
    port: u16,
    name: ServerName<'static>,
    connector: TlsConnector,
}

impl Server {
    /// The server of an address.
    ///
    /// # Errors
    /// [`BrokerError`]: its address is none, or the machine trusts nobody.
    pub(super) fn of(broker: &BrokerAddress, database: u16, protocol: ProtocolVersion) -> Result<Self, BrokerError> {
        let host = &broker.hosts[0];
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
        let socket = ConnectionAddr::Tcp(host.name.clone(), host.port);
        let info = socket.into_connection_info().map_err(|error| answers::of(&error))?;
        let client = Client::open(info.set_redis_settings(settings)).map_err(|error| answers::of(&error))?;
        let unfit = |why: &dyn ToString| BrokerError::Unfit(why.to_string());
        let encryption = if broker.is_encrypted {
            let authorities = tls::of_the_machine().map_err(|why| unfit(&why))?;
            Some(Encryption {
                host: host.name.clone(),
                port: host.port,
                name: ServerName::try_from(host.name.clone()).map_err(|why| unfit(&why))?,
                connector: TlsConnector::from(Arc::new(authorities.config.clone())),
            })
        } else {
            None
        };
        Ok(Self { client, encryption })
    }

    /// Connects, and does no more.
    ///
    /// # Errors
    /// [`BrokerError`].
    pub(super) async fn link(
        &self,
        config: AsyncConnectionConfig,
        clock: &dyn Clock,
    ) -> Result<MultiplexedConnection, BrokerError> {
        within(clock, CONNECTING, Box::pin(self.open(config))).await
    }

    async fn open(&self, config: AsyncConnectionConfig) -> Result<MultiplexedConnection, BrokerError> {
        let config = config
            .set_connection_timeout(Some(CONNECTING))
            .set_response_timeout(Some(ANSWERING));
        let Some(encryption) = &self.encryption else {
            let connected = self.client.get_multiplexed_async_connection_with_config(&config).await;
            return connected.map_err(|error| answers::to_login(&error));
        };
        let stream = encryption.connect().await.map_err(|error| unavailable(&error))?;
        let settings = self.client.get_connection_info().redis_settings();
        let connected = MultiplexedConnection::new_with_config(settings, stream, config).await;
        let (link, driver) = connected.map_err(|error| answers::to_login(&error))?;
        // It ends with the last copy of the connection.
        tokio::spawn(driver);
        Ok(link)
    }
}

impl Encryption {
    async fn connect(&self) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        self.connector.connect(self.name.clone(), stream).await
    }
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
