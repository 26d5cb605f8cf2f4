//! Where the database is, and how a connection to it is made.

use std::time::Duration;

use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures::FutureExt;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::{Config, NoTls};

use super::error::OpenError;

/// How long making a connection may take, from the look-up of the host to the last setting. A database on the same
/// network answers in milliseconds; a starting one refuses at once.
const CONNECT_WAIT: Duration = Duration::from_secs(5);

/// After this long without an answer at the network's level a connection counts as lost: a server that vanished
/// without a word must not hold a transaction for the hours that TCP would give it.
const SILENCE: Duration = Duration::from_secs(30);

/// What each connection is told first.
///
/// Every statement here is a look-up by key or a page in key order. A plan is kept as long as the connection, and one
/// made while a table filled a single page would go on reading the whole table when it has millions: so no sequential
/// scan where there is an index. The planner's detour through compiled code pays for none of these statements, nor does
/// a plan of its own for each list of keys: the planner would make one each time, and find the same.
const SESSION: &str = "SET enable_seqscan = off; SET jit = off; SET plan_cache_mode = force_generic_plan";

/// What a connection is called in the server's own list, unless the URL says otherwise.
const APPLICATION_NAME: &str = "earmark";

/// A database's address, with the ways of this program.
#[derive(Clone)]
pub(super) struct Address {
    config: Config,
    /// Where connections live: a connection made where it happens to be asked for would die with the worker that asks.
    runtime: Option<Handle>,
}

impl Address {
    /// Reads a URL. What it says of time-outs and names goes before what is said here.
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        let mut config: Config = url
            .parse()
            .map_err(|why: tokio_postgres::Error| OpenError::Url(why.to_string()))?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(OpenError::Url("it names no host".to_owned()));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_WAIT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(SILENCE).keepalives_idle(SILENCE);
        }
        if config.get_application_name().is_none() {
            config.application_name(APPLICATION_NAME);
        }
        Ok(Self {
            config,
            runtime: Handle::try_current().ok(),
        })
    }

    /// Makes a connection.
    pub(super) async fn open(&self) -> Result<AsyncPgConnection, OpenError> {
        self.establish()
            .await
            .map_err(|why| OpenError::Unreachable(why.to_string()))
    }

    /// A pool that makes connections as they are needed.
    pub(super) fn pool(&self, connections: usize) -> Result<Pool<AsyncPgConnection>, OpenError> {
        let address = self.clone();
        let mut manager = ManagerConfig::default();
        // A dead connection is noticed when its transaction begins, and replaced then: asking each one how it is
        // before each use would cost a round trip.
        manager.recycling_method = RecyclingMethod::Fast;
        manager.custom_setup = Box::new(move |_| {
            let address = address.clone();
            async move { address.establish().await }.boxed()
        });
        // The manager hands its URL to the setup above, which has better.
        let manager = AsyncDieselConnectionManager::new_with_config(String::new(), manager);
        Pool::builder(manager)
            .max_size(connections)
            .build()
            .map_err(|why| OpenError::Unreachable(why.to_string()))
    }

    async fn establish(&self) -> ConnectionResult<AsyncPgConnection> {
        let address = self.clone();
        let making = async move { timeout(CONNECT_WAIT, address.set_up()).await };
        let made = match &self.runtime {
            Some(runtime) => runtime
                .spawn(making)
                .await
                .map_err(|why| ConnectionError::BadConnection(why.to_string()))?,
            None => making.await,
        };
        made.unwrap_or_else(|_| {
            Err(ConnectionError::BadConnection(format!(
                "no connection within {} seconds",
                CONNECT_WAIT.as_secs()
            )))
        })
    }

    async fn set_up(&self) -> ConnectionResult<AsyncPgConnection> {
        let (client, connection) = self
            .config
            .connect(NoTls)
            .await
            .map_err(|why| ConnectionError::BadConnection(placing_event(&why)))?;
        let mut connection = AsyncPgConnection::try_from_client_and_connection(client, connection).await?;
        connection
            .batch_execute(SESSION)
            .await
            .map_err(ConnectionError::CouldntSetupConfiguration)?;
        Ok(connection)
    }
}

/// What the driver says, with the server's own words where it has any.
fn placing_event(why: &tokio_postgres::Error) -> String {
    why.as_db_error()
        .map_or_else(|| why.to_string(), |placing_event| placing_event.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_url_is_told_with_what_is_right() {
        for wrong in ["postgres//shop", "postgres://shop:no-port@here:x/", "mysql://here/shop"] {
            let placing_event = Address::parse(wrong)
                .err()
                .map(|why| why.to_string())
                .unwrap_or_default();
            assert!(
                placing_event.contains("postgres://user:password@host:5432/database"),
                "{wrong}: {placing_event}"
            );
        }
    }

    #[test]
    fn what_the_url_says_goes_before_what_is_said_here() {
        let address = Address::parse("postgres://me@here/shop?application_name=till&connect_timeout=2").expect("right");
        assert_eq!(address.config.get_application_name(), Some("till"));
        assert_eq!(address.config.get_connect_timeout(), Some(&Duration::from_secs(2)));
        let address = Address::parse("postgres://me@here/shop").expect("right");
        assert_eq!(address.config.get_application_name(), Some(APPLICATION_NAME));
    }
}
