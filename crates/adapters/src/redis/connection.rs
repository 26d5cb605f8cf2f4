//! The connection. It is never made again by itself: whoever has lost it asks for the last entry first.

use std::time::Duration;

use earmark_application::{Clock, PublishError};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};

use super::address::RedisAddress;
use super::answers;
use crate::broker::within;

/// How long connecting may take: shorter than a relay's lease.
const CONNECTING: Duration = Duration::from_secs(5);

/// How long one question or one call may take: long enough for a server that writes a snapshot, and shorter than a
/// relay's lease.
pub(super) const ANSWERING: Duration = Duration::from_secs(5);

/// Connects.
///
/// # Errors
/// [`PublishError::Unavailable`].
pub(super) async fn connect(address: &RedisAddress, clock: &dyn Clock) -> Result<MultiplexedConnection, PublishError> {
    let broker = &address.broker;
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
    let mut settings = RedisConnectionInfo::default().set_db(address.database.into());
    if let Some(credentials) = &broker.credentials {
        if !credentials.user.is_empty() {
            settings = settings.set_username(&credentials.user);
        }
        if let Some(password) = &credentials.password {
            settings = settings.set_password(password);
        }
    }
    let info = socket.into_connection_info().map_err(|error| answers::of(&error))?;
    let client = Client::open(info.set_redis_settings(settings)).map_err(|error| answers::of(&error))?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECTING))
        .set_response_timeout(Some(ANSWERING));
    let connecting = async {
        let connection = client.get_multiplexed_async_connection_with_config(&config).await;
        connection.map_err(|error| answers::of(&error))
    };
    within(clock, CONNECTING, connecting).await
}
